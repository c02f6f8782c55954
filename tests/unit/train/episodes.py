"""Episodes built by hand from token ids, for the tests of samples, rows and exactness."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.types import (
    Answer,
    Composition,
    Episode,
    EpisodeError,
    FinishReason,
    Objective,
    StopReason,
    Task,
    Turn,
)

TASK = Task(
    id="t",
    composition=Composition.PARALLEL,
    reveal="upfront",
    split="train",
    objectives=(Objective(id="o", question="?", answers=("a",), source="hand"),),
)


def turn(
    index: int,
    prompt: Sequence[int],
    completion: Sequence[int],
    *,
    prefix: int,
    sampled: Sequence[bool] | None = None,
    logprobs: Sequence[float] | None = None,
) -> Turn:
    """A turn; every token of the completion is sampled unless ``sampled`` says otherwise."""
    mask = tuple(sampled) if sampled is not None else (True,) * len(completion)
    found = tuple(logprobs) if logprobs is not None else tuple(-0.5 if kept else 0.0 for kept in mask)
    return Turn(
        index=index,
        prompt_token_ids=tuple(prompt),
        prefix_length=prefix,
        completion_token_ids=tuple(completion),
        logprobs=found,
        sampled_mask=mask,
        state_length=0,
        finish=FinishReason.STOP,
        policy_version=0,
        state="",
        action=Answer(text=""),
        action_text="",
    )


def episode(name: str, turns: Sequence[Turn], *, group: str = "g") -> Episode:
    """A finished episode."""
    return Episode(
        id=name,
        group_id=group,
        task=TASK,
        strategy="hand",
        turns=tuple(turns),
        answers=(None,),
        stop=StopReason.ANSWERED,
        seconds=0.0,
    )


def failed(name: str) -> Episode:
    """An episode that ended in a backend's error."""
    return Episode(
        id=name,
        group_id="g",
        task=TASK,
        strategy="hand",
        turns=(turn(0, (1, 2), (3,), prefix=1),),
        answers=(None,),
        stop=StopReason.ERROR,
        seconds=0.0,
        error=EpisodeError(type="BackendError", message="gone"),
    )
