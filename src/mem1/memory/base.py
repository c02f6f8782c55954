"""What a memory policy is: it decides the next context, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mem1.inference.base import Section, Tokenizer
from mem1.memory.tags import Tags
from mem1.types import Completion, Observation


@dataclass(frozen=True, slots=True)
class Written:
    """A completion seen through a memory policy: where the state ends and the action begins."""

    state: str
    action_text: str
    state_length: int


@dataclass(frozen=True, slots=True)
class Shown:
    """An observation as the policy will see it: tags neutralised, cut to its token budget."""

    text: str
    token_ids: tuple[int, ...]


@runtime_checkable
class Memory(Protocol):
    """Token-level memory of one episode (a fresh instance each).

    The loop is: ``start``; then each turn ``context`` -> engine -> ``read`` -> environment ->
    ``observe``. Contexts are built from the ids that were sampled; nothing is encoded twice.
    """

    @property
    def name(self) -> str:
        """The strategy's name in records and reports."""

    @property
    def tags(self) -> Tags:
        """The tags that the policy is expected to write."""

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin an episode with the task prompt P and, if the task gives one, a first observation."""

    def context(self) -> tuple[int, ...]:
        """The token ids of the next context: P first, then whatever is remembered."""

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""

    def sections(self) -> tuple[Section, ...]:
        """What the policy may write now, with hard budgets."""

    def read(self, completion: Completion) -> Written:
        """Take in what the policy wrote and split it into state and action."""

    def observe(self, observation: Observation) -> Shown:
        """Take in the observation that came back, neutralised and cut to the budget."""

    def bound(self) -> int | None:
        """Proven largest prompt + completion less |P|, in tokens; ``None`` where there is none."""


@runtime_checkable
class MemoryFactory(Protocol):
    """Builds a fresh memory for each episode."""

    def __call__(self, tokenizer: Tokenizer) -> Memory:
        """A memory that has seen nothing."""
