"""Turns and episodes of toy worlds."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.types import (
    Answer,
    Composition,
    Episode,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
)


def task(name: str, wanted: Sequence[int], *, one_by_one: bool) -> Task:
    """Objective k wants the token ``wanted[k]``."""
    asked = tuple(
        Objective(id=f"{name}-{k}", question=str(k), answers=(str(token),), source="toy")
        for k, token in enumerate(wanted)
    )
    return Task(
        id=name,
        composition=Composition.SEQUENTIAL if one_by_one else Composition.PARALLEL,
        reveal="one_by_one" if one_by_one else "upfront",
        split="train",
        objectives=asked,
    )


def turn(
    index: int,
    context: Sequence[int],
    written: Sequence[int],
    logprobs: Sequence[float],
    *,
    state: int = 0,
    forced: int = 0,
    shown: int = 0,
    objective: int = 0,
) -> Turn:
    """``written`` behind ``context``, whose first token is P. The first ``state`` tokens are the state, the first
    ``forced`` were not sampled; ``shown`` tokens of observation follow."""
    return Turn(
        index=index,
        prompt_token_ids=tuple(context),
        prefix_length=1,
        completion_token_ids=tuple(written),
        logprobs=tuple(logprobs),
        sampled_mask=tuple(place >= forced for place in range(len(written))),
        state_length=state,
        finish=FinishReason.STOP,
        policy_version=0,
        state="",
        action=Answer(text=str(written[-1])),
        action_text="",
        observation_length=shown,
        objective=objective,
    )


def episode(name: str, group: str, of: Task, turns: Sequence[Turn], rewards: Sequence[float]) -> Episode:
    """An episode whose reward is the sum of its objectives'."""
    return Episode(
        id=name,
        group_id=group,
        task=of,
        strategy="toy",
        turns=tuple(turns),
        answers=tuple(str(turns[-1].completion_token_ids[-1]) for _ in rewards),
        stop=StopReason.ANSWERED,
        seconds=0.0,
        reward=sum(rewards),
        score=Score(metrics={"em": tuple(rewards)}, answered=(True,) * len(rewards), scorer="toy"),
    )
