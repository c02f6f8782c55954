"""What an engine is: token ids in, token ids and log-probabilities out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mem1.errors import BackendError
from mem1.inference.weights import WeightSource
from mem1.types import Completion


@runtime_checkable
class Tokenizer(Protocol):
    """Text to token ids and back. ``encode`` adds nothing in front or behind."""

    @property
    def eos_id(self) -> int | None:
        """The id that ends a completion, if there is one."""

    @property
    def special_strings(self) -> tuple[str, ...]:
        """Strings that encode to a control token; untrusted text must not contain them."""

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``; the special strings in it become their single ids."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``, special tokens written out, nothing skipped or cleaned up."""


def eos_ids(tokenizer: Tokenizer) -> frozenset[int]:
    """All ids that end a completion: ``tokenizer.eos_ids`` where its model ends texts with more tokens than one."""
    # By attribute: asking a protocol costs more than all else that begins a completion.
    several: frozenset[int] | None = getattr(tokenizer, "eos_ids", None)
    if several is not None:
        return several
    return frozenset(() if tokenizer.eos_id is None else (tokenizer.eos_id,))


def verbatim(tokenizer: Tokenizer) -> bool:
    """Whether ``tokenizer`` says of itself that ``decode(encode(text))`` is ``text`` for every text (``verbatim``)."""
    return bool(getattr(tokenizer, "verbatim", False))


@dataclass(frozen=True, slots=True)
class Section:
    """One stretch of a completion with its own hard budget.

    The engine samples until the text *of this section* contains a string of ``stops`` (the section
    ends, the next one begins) or of ``final_stops`` (the completion ends), or until
    ``budget - len(closing)`` tokens were sampled without either: then the ``closing`` ids are
    appended unsampled (``sampled`` false, log-probability 0.0) and the section ends. So a section
    never has more than ``budget`` tokens. Stops are found at token level: the token that completes
    the string is the last one of the section. The end-of-text token, once sampled, is kept and
    ends the completion.
    """

    name: str
    stops: tuple[str, ...]
    final_stops: tuple[str, ...]
    budget: int
    closing: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.budget <= len(self.closing):
            raise ValueError(
                f"section {self.name!r}: budget {self.budget} leaves no room beside {len(self.closing)} closing tokens"
            )


@dataclass(frozen=True, slots=True)
class Request:
    """One call of an engine.

    ``session`` names the episode: an engine may keep that session's key-value cache and reuse the
    part of it that ``prompt`` extends. ``seed`` makes the sample reproducible whatever else is in
    flight. ``temperature`` 0 is greedy. Log-probabilities are those of what was sampled from, over the whole
    vocabulary: at the request's temperature, greedy ones at temperature 1. The first ``prefix_length`` tokens of
    ``prompt`` are the task prompt P; 0 says that nothing is known of it.
    """

    prompt: tuple[int, ...]
    sections: tuple[Section, ...]
    session: str
    seed: int = 0
    temperature: float = 1.0
    prefix_length: int = 0

    def check_prompt(self) -> None:
        """Raise ``BackendError`` where there is nothing to go on from."""
        if not self.prompt:
            raise BackendError("the prompt is empty", where=self.session, hint="give at least one token")


@runtime_checkable
class Engine(Protocol):
    """A policy that writes. One instance serves many episodes at once.

    ``generate`` is a coroutine; many may be awaited at the same time on one event loop, and a
    finished or waiting one never stalls the others. A backend's failure raises ``BackendError``;
    it is never turned into text.
    """

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the policy."""

    @property
    def policy_version(self) -> int:
        """Number of weight updates the policy has seen."""

    @property
    def max_context(self) -> int:
        """Largest prompt + completion the policy can hold, in tokens."""

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""

    async def update_weights(self, version: int, source: WeightSource) -> None:
        """Write with the weights of ``source`` from now on, which have seen ``version`` updates.

        What was cached under the former ones is dropped. Raises ``BackendError`` while something is being written, and
        ``ConfigError`` where the engine takes no such weights (see ``weights.FixedWeights``).
        """

    def release(self, session: str) -> None:
        """Forget what is kept for ``session``. Unknown sessions are ignored."""

    async def close(self) -> None:
        """Free what the engine holds. Pending calls fail with ``BackendError``."""
