"""What a memory policy is: it decides the next context, and nothing else.

Most need only what the policy writes; ``TurnMemory`` is their base. Some ask an engine to rewrite or note
something between two turns (``prepare``), or answer an action from what they keep (``respond``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mem1.actions import ActionFormat, ActionSpace
from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.inference.base import Section, Tokenizer
from mem1.types import Action, Completion, Observation, ToolSpec


@dataclass(frozen=True, slots=True)
class ParsedTurn:
    """A completion seen through a memory policy: where the state ends and the action begins."""

    state: str
    action_text: str
    state_length: int


@dataclass(frozen=True, slots=True)
class RenderedObservation:
    """An observation as the policy will see it: tags neutralised, cut to its token budget."""

    text: str
    token_ids: tuple[int, ...]


class Ask(Protocol):
    """Makes a side call: bounded and recorded in the episode."""

    @property
    def tokenizer(self) -> Tokenizer:
        """That of the engine which is asked. It need not be the policy's."""

    async def __call__(
        self, purpose: str, prompt: tuple[int, ...], section: Section, *, prefix_length: int
    ) -> Completion:
        """What the engine writes after ``prompt``, whose first ``prefix_length`` tokens are P."""


@runtime_checkable
class Memory(Protocol):
    """Token-level memory of one episode (a fresh instance each).

    The loop is: ``start``; then each turn ``prepare`` -> ``context`` -> engine -> ``read`` -> ``respond``, else the
    environment -> ``observe``. What the policy sampled stands in contexts as it was sampled; nothing is encoded twice.
    """

    @property
    def name(self) -> str:
        """The strategy's name in records and reports."""

    @property
    def actions(self) -> ActionFormat:
        """How the policy is expected to write what it does, the memory's own ``tools`` among it."""

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """What the memory lets the policy do beside what the environment does."""

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin an episode with the task prompt P and, if the task gives one, a first observation."""

    async def prepare(self, ask: Ask) -> None:
        """Do what must be done before the next context, with side calls where they are needed."""

    def context(self) -> tuple[int, ...]:
        """The token ids of the next context: P first, then whatever is remembered."""

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""

    def sections(self) -> tuple[Section, ...]:
        """What the policy may write now, with hard budgets."""

    def read(self, completion: Completion) -> ParsedTurn:
        """Take in what the policy wrote and split it into state and action."""

    @property
    def offers(self) -> Collection[str]:
        """Names of the ``tools`` that the memory would answer now. It must come to an end of them."""

    async def respond(self, action: Action) -> Observation | None:
        """The memory's own answer to an action it offers; ``None``: the environment is to answer."""

    def observe(self, observation: Observation) -> RenderedObservation:
        """Take in the observation that came back, neutralised and cut to the budget."""

    def bound(self) -> int | None:
        """Proven largest prompt + completion less |P|, in tokens, side calls included; ``None`` where there is none.

        A side call's prompt is cut to it in the tokens of the engine that is asked.
        """


@runtime_checkable
class MemoryFactory(Protocol):
    """Builds a fresh memory for each episode."""

    def __call__(self, tokenizer: Tokenizer, space: ActionSpace = SEARCH_AND_ANSWER) -> Memory:
        """A memory that has seen nothing, for a policy that can do what is in ``space``."""
