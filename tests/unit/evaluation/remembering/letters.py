"""Episodes written in letters: a token is a character, so that contexts can be read in the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mem1.types import (
    Action,
    Answer,
    Composition,
    Episode,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
    tool_call,
)

PROMPT = "P:"


def text(ids: Sequence[int]) -> str:
    """Characters by their numbers."""
    return "".join(map(chr, ids))


def ids(text: str) -> tuple[int, ...]:
    """And back."""
    return tuple(map(ord, text))


@dataclass(frozen=True)
class Step:
    """A turn: ``page`` is what stands in the context before the newest observation."""

    page: str
    writes: str
    does: str
    shown: str | None = None
    objective: int = 0


def search(query: str) -> str:
    """How a look-up is written."""
    return f"<search>{query}</search>"


def answer(given: str) -> str:
    """How an answer is written."""
    return f"<answer>{given}</answer>"


def episode(
    steps: Sequence[Step],
    objectives: Sequence[Objective],
    *,
    answers: Sequence[str | None],
    em: Sequence[float | None],
    composition: Composition = Composition.PARALLEL,
    stop: StopReason = StopReason.ANSWERED,
    scored: bool = True,
) -> Episode:
    """An episode whose contexts are P, the step's page and what the step before was shown."""
    one_by_one = composition in (Composition.SEQUENTIAL, Composition.DELAYED, Composition.CHAINED)
    task = Task(
        id="t",
        composition=composition,
        reveal="one_by_one" if one_by_one else "upfront",
        split="test",
        objectives=tuple(objectives),
    )
    before: Step | None = None
    turns = []
    for index, step in enumerate(steps):
        turns.append(_turn(index, step, before))
        before = step
    score = Score(metrics={"em": tuple(em)}, answered=tuple(map(bool, answers)), scorer="hand")
    return Episode(
        id="e",
        group_id="g",
        task=task,
        strategy="hand",
        turns=tuple(turns),
        answers=tuple(answers),
        stop=stop,
        seconds=0.0,
        reward=0.0 if scored else None,
        score=score if scored else None,
    )


def objective(question: str, *answers: str, **metadata: object) -> Objective:
    """A question with what is accepted."""
    return Objective(id=question, question=question, answers=answers, source="hand", metadata=metadata)


def _turn(index: int, step: Step, before: Step | None) -> Turn:
    shown = (before.shown or "") if before else ""
    completion = ids(step.writes + step.does)
    return Turn(
        index=index,
        prompt_token_ids=ids(PROMPT + step.page + shown),
        prefix_length=len(PROMPT),
        completion_token_ids=completion,
        logprobs=(0.0,) * len(completion),
        sampled_mask=(True,) * len(completion),
        state_length=len(step.writes),
        finish=FinishReason.STOP,
        policy_version=0,
        state=step.writes,
        action=_action(step.does),
        action_text=step.does,
        observation=step.shown,
        observation_length=len(step.shown or ""),
        objective=step.objective,
    )


def _action(written: str) -> Action:
    kind, _, rest = written.removeprefix("<").partition(">")
    inner = rest.rpartition("</")[0]
    return Answer(text=inner) if kind == "answer" else tool_call("search", query=inner)
