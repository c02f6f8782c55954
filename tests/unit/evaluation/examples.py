"""Small episodes with lengths chosen by hand."""

from __future__ import annotations

from mem1.types import (
    Action,
    Answer,
    Composition,
    Episode,
    EpisodeError,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
    tool_call,
)


def task(size: int = 2, id: str = "t0") -> Task:
    """A parallel task of ``size`` made-up questions."""
    return Task(
        id=id,
        composition=Composition.PARALLEL,
        reveal="upfront",
        split="test",
        objectives=tuple(
            Objective(id=f"{id}-{k}", question=f"Question {k}?", answers=(f"answer {k}",), source="made up")
            for k in range(size)
        ),
    )


def turn(
    index: int,
    prompt: tuple[int, ...],
    completion: tuple[int, ...],
    *,
    action: Action | None = None,
    prefix: int = 2,
    state_length: int = 1,
    forced: tuple[int, ...] = (),
    state: str = "state",
    observation: str | None = "seen",
) -> Turn:
    """A turn with the given token ids; ``forced`` are positions of the completion not sampled."""
    return Turn(
        index=index,
        prompt_token_ids=prompt,
        prefix_length=prefix,
        completion_token_ids=completion,
        logprobs=(0.0,) * len(completion),
        sampled_mask=tuple(k not in forced for k in range(len(completion))),
        state_length=state_length,
        finish=FinishReason.STOP,
        policy_version=0,
        state=state,
        action=action or tool_call("search", query="q"),
        action_text="<search>q</search>",
        observation=observation,
    )


def episode(
    turns: tuple[Turn, ...],
    *,
    of: Task | None = None,
    em: tuple[float | None, ...] = (1.0, 0.0),
    f1: tuple[float | None, ...] = (1.0, 0.5),
    answered: tuple[bool, ...] = (True, True),
    stop: StopReason = StopReason.ANSWERED,
    scored: bool = True,
    seconds: float = 1.5,
    id: str = "e0",
    strategy: str = "state",
) -> Episode:
    """An episode over ``turns``; a failed one carries an error record and no score."""
    made = of or task()
    failed = stop is StopReason.ERROR
    score = Score(metrics={"em": em, "f1": f1}, answered=answered, scorer="made up")
    return Episode(
        id=id,
        group_id=made.id,
        task=made,
        strategy=strategy,
        turns=turns,
        answers=tuple("a" if given else None for given in answered),
        stop=stop,
        seconds=seconds,
        reward=None if failed else sum(value or 0.0 for value in em),
        score=score if scored and not failed else None,
        error=EpisodeError(type="BackendError", message="gone") if failed else None,
    )


FINAL = Answer(text="answer 0; answer 1")
