"""What an engine writes in one call, and what it costs."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from mem1.types.record import Many, Record, same_length


class FinishReason(StrEnum):
    """Why the engine stopped writing."""

    STOP = "stop"  # a closing tag of an action
    EOS = "eos"
    LENGTH = "length"  # the last section's budget, or the model's context


class Usage(Record):
    """What writing cost: calls of a backend, tokens, seconds, money.

    ``cached_tokens`` of the ``prompt_tokens`` were read from a cache. ``seconds`` passed between sending and
    the last byte of each answer; waiting for a free place is left out. ``cost`` is in the currency of the price
    table, ``None`` where no prices are known. ``cut_prompts``: calls whose prompt the backend counted as far shorter
    than it was sent, as servers do that cut a context without a word.
    """

    calls: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    cached_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)
    cost: float | None = None
    cut_prompts: int = Field(default=0, ge=0)

    def __add__(self, other: Usage) -> Usage:
        """Both together; the cost is known only where it is known of both."""
        known = self.cost is not None and other.cost is not None
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            seconds=self.seconds + other.seconds,
            cost=(self.cost or 0.0) + (other.cost or 0.0) if known else None,
            cut_prompts=self.cut_prompts + other.cut_prompts,
        )


class Completion(Record):
    """What one call of an engine wrote, token for token.

    ``logprobs[i]`` is log p(token_ids[i] | everything before it) in nats at the temperature it was sampled
    at (greedy: at temperature 1); it is 0.0 where ``sampled[i]`` is false (forced tokens).
    ``section_ends[k]`` is the number of tokens written when section ``k`` ended (cumulative).
    ``exact`` is false where the ids were made from a server's text: they are not what was sampled, their
    log-probabilities (0.0) are not known, and nothing can be learned from them. ``usage`` is what a backend
    that counts says it cost.
    """

    token_ids: Annotated[tuple[int, ...], Many]
    logprobs: Annotated[tuple[float, ...], Many]
    sampled: Annotated[tuple[bool, ...], Many]
    section_ends: Annotated[tuple[int, ...], Many]
    finish: FinishReason
    policy_version: int = 0
    exact: bool = True
    usage: Usage | None = None

    @model_validator(mode="after")
    def _aligned(self) -> Completion:
        same_length(token_ids=self.token_ids, logprobs=self.logprobs, sampled=self.sampled)
        if any(e > len(self.token_ids) for e in self.section_ends):
            raise ValueError(f"section_ends {self.section_ends} reach beyond {len(self.token_ids)} tokens")
        return self
