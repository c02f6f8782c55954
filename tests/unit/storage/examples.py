"""Small records to store."""

from __future__ import annotations

from mem1.types import Answer, Composition, Episode, FinishReason, Objective, Score, StopReason, Task, Turn


def task() -> Task:
    objective = Objective(id="o1", question="Capital of Peru?", answers=("Lima",), source="toy")
    return Task(id="t1", composition=Composition.PARALLEL, reveal="upfront", split="test", objectives=(objective,))


def turn(index: int = 0, prompt: int = 3) -> Turn:
    return Turn(
        index=index,
        prompt_token_ids=tuple(range(prompt)),
        prefix_length=2,
        completion_token_ids=(7, 8, 9, 10),
        logprobs=(-0.1, -1 / 3, -2.5e-7, 0.0),
        sampled_mask=(True, True, True, False),
        state_length=2,
        finish=FinishReason.STOP,
        policy_version=3,
        state="Lima é \u2028 nice",
        action=Answer(text="Lima"),
        action_text="<answer>Lima</answer>\n",
    )


def episode(name: str = "e1", turns: int = 2) -> Episode:
    return Episode(
        id=name,
        group_id="g1",
        task=task(),
        strategy="state",
        turns=tuple(turn(i, prompt=3 + i) for i in range(turns)),
        answers=("Lima",),
        stop=StopReason.ANSWERED,
        seconds=0.5,
        reward=1.0,
        score=Score(metrics={"em": (1.0,), "f1": (1.0,)}, answered=(True,), scorer="standard"),
    )
