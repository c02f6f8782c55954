"""One context that a policy saw, and the calls made beside it."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from mem1.types.actions import Action
from mem1.types.generation import FinishReason, Usage
from mem1.types.record import Many, Record, same_length


class Turn(Record):
    """One context the policy saw, what it wrote there, and what came back.

    ``prompt_token_ids`` is the whole context in front of the completion; its first
    ``prefix_length`` tokens are the task prompt P. ``state_length`` is how many completion tokens
    belong to the state section (the rest is the action). What stands between the prefix and the end of the
    prompt came from earlier turns. ``exact`` and ``usage`` are the completion's.
    ``by_memory``: the action was one that the memory answers itself (looking back), not the environment.
    ``advantage`` is what training credited to the turn's sampled tokens, on average.
    """

    index: int
    prompt_token_ids: Annotated[tuple[int, ...], Many]
    prefix_length: int
    completion_token_ids: Annotated[tuple[int, ...], Many]
    logprobs: Annotated[tuple[float, ...], Many]
    sampled_mask: Annotated[tuple[bool, ...], Many]
    state_length: int
    finish: FinishReason
    policy_version: int
    state: str
    action: Action
    action_text: str
    observation: str | None = None
    observation_length: int = 0
    objective: int = 0
    exact: bool = True
    usage: Usage | None = None
    by_memory: bool = False
    advantage: float | None = None

    @model_validator(mode="after")
    def _aligned(self) -> Turn:
        same_length(
            completion_token_ids=self.completion_token_ids,
            logprobs=self.logprobs,
            sampled_mask=self.sampled_mask,
        )
        if not 0 <= self.prefix_length <= len(self.prompt_token_ids):
            raise ValueError(f"prefix_length {self.prefix_length} outside the prompt of {len(self.prompt_token_ids)}")
        if not 0 <= self.state_length <= len(self.completion_token_ids):
            raise ValueError(f"state_length {self.state_length} outside {len(self.completion_token_ids)} tokens")
        return self

    @property
    def peak(self) -> int:
        """Tokens in context when this turn ended: prompt + completion."""
        return len(self.prompt_token_ids) + len(self.completion_token_ids)

    @property
    def peak_without_prompt(self) -> int:
        """``peak`` less the task prompt P."""
        return self.peak - self.prefix_length


class SideCall(Record):
    """A call that a memory policy made between turns: bounded and counted like a turn.

    It was made before the context of turn number ``turn``. The first ``prefix_length`` tokens of the prompt are the
    task prompt P. Token ids are those of the engine that was asked: the policy's, or (``by_policy`` false) another's.
    ``logprobs`` and ``sampled_mask`` are the completion's where the policy itself wrote it token by token, so that it
    can be trained on like a turn; empty elsewhere, and then it is never trained on.
    """

    turn: int
    purpose: str
    prompt_token_ids: Annotated[tuple[int, ...], Many]
    prefix_length: int
    completion_token_ids: Annotated[tuple[int, ...], Many]
    by_policy: bool = True
    usage: Usage | None = None
    logprobs: Annotated[tuple[float, ...], Many] = ()
    sampled_mask: Annotated[tuple[bool, ...], Many] = ()
    policy_version: int = 0

    @model_validator(mode="after")
    def _aligned(self) -> SideCall:
        same_length(logprobs=self.logprobs, sampled_mask=self.sampled_mask)
        if self.sampled_mask:
            same_length(completion_token_ids=self.completion_token_ids, sampled_mask=self.sampled_mask)
            if not self.by_policy:
                raise ValueError(
                    "a side call that another engine answered cannot be trained on: leave sampled_mask out"
                )
        if not 0 <= self.prefix_length <= len(self.prompt_token_ids):
            raise ValueError(f"prefix_length {self.prefix_length} outside the prompt of {len(self.prompt_token_ids)}")
        return self

    @property
    def untold(self) -> SideCall:
        """The same with nothing to train on."""
        return self.model_copy(update={"logprobs": (), "sampled_mask": ()}) if self.sampled_mask else self

    @property
    def peak(self) -> int:
        """Tokens in context when the call ended: prompt + completion."""
        return len(self.prompt_token_ids) + len(self.completion_token_ids)

    @property
    def peak_without_prompt(self) -> int:
        """``peak`` less the task prompt P."""
        return self.peak - self.prefix_length
