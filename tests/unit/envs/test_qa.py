"""Question answering turn by turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from mem1.envs.base import Environment
from mem1.envs.qa import QaEnvConfig, default_max_turns
from mem1.errors import BackendError
from mem1.retrieval.base import Hit, Passage
from mem1.rewards.standard import StandardScorer
from mem1.tasks.compose import Reveal, make_task
from mem1.types import Action, Answer, Composition, Malformed, Objective, Observation, Task, tool_call

QUESTIONS = ("Capital of Peru?", "Capital of Chad?", "Capital of Cuba?")
ANSWERS = ("Lima", "N'Djamena", "Havana")


class Atlas:
    """Finds one passage for each word that it knows; keeps what it was asked."""

    known: ClassVar[dict[str, str]] = {"Peru": "Lima is big.", "Chad": "N'Djamena is far.", "Cuba": "Havana is old."}

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[str, ...], int]] = []

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        self.asked.append((tuple(queries), top_k))
        return [
            [
                Hit(passage=Passage(id=word, title=f"{word}, towns", text=text), score=1.0)
                for word, text in self.known.items()
                if word in query
            ][:top_k]
            for query in queries
        ]


def task(size: int = 2, reveal: Reveal = "upfront") -> Task:
    objectives = tuple(
        Objective(id=question, question=question, answers=(answer,), source="test")
        for question, answer in zip(QUESTIONS[:size], ANSWERS, strict=False)
    )
    return Task(id="t", composition=Composition.PARALLEL, reveal=reveal, split="test", objectives=objectives)


def env(of: Task, retriever: Atlas | None = None, **settings: Any) -> Environment:
    config = QaEnvConfig.model_validate({"prompt": "brief", **settings})
    return config.build(retriever or Atlas(), StandardScorer())(of)


def step(world: Environment, action: Action) -> Observation:
    return asyncio.run(world.step(action))


def malformed() -> Malformed:
    return Malformed(reason="no action tag was found; write search or answer")


# ---------------------------------------------------------------- all questions upfront


def test_upfront_turn_by_turn() -> None:
    world = env(task(), max_turns=4)
    assert world.max_turns == 4
    assert world.reset() == ("Answer all.\n(1) Capital of Peru\n(2) Capital of Chad\n(3) Answer all.\n", None)
    assert step(world, tool_call("search", query="Peru")) == Observation(
        head="Turns left: 3.", passages=("Doc 1(Title: Peru, towns) Lima is big.",)
    )
    assert step(world, malformed()) == Observation(
        head="Turns left: 2. No action was taken: no action tag was found; write search or answer"
    )
    assert step(world, tool_call("search", query="Chad and Cuba")) == Observation(
        head="Turns left: 1, the answer is due.",
        passages=("Doc 1(Title: Chad, towns) N'Djamena is far.", "Doc 2(Title: Cuba, towns) Havana is old."),
    )
    assert set(world.answers) == {None}
    assert world.objective == 0
    assert step(world, Answer(text="lima; ndjamena")) == Observation(head="", done=True)
    assert world.answers == ("lima", "ndjamena")
    assert world.score().metrics["em"] == (1.0, 1.0)  # normalisation takes the apostrophe out


def test_upfront_the_turns_are_used_up() -> None:
    world = env(task(), max_turns=2)
    step(world, tool_call("search", query="Peru"))
    assert step(world, tool_call("search", query="Chad")) == Observation(head="No turns left.", done=True, spent=True)
    score = world.score()
    assert score.metrics["em"] == (0.0, 0.0)
    assert score.answered == (False, False)


def test_upfront_the_last_turn_can_answer() -> None:
    world = env(task(), max_turns=1)
    assert step(world, Answer(text="Lima; x")) == Observation(head="", done=True)
    assert world.score().metrics["em"] == (1.0, 0.0)


def test_fewer_and_extra_answers() -> None:
    fewer, extra, single = env(task(3)), env(task(2)), env(task(1))
    step(fewer, Answer(text="Lima"))
    assert fewer.answers == ("Lima", None, None)
    assert fewer.score().answered == (True, False, False)
    step(extra, Answer(text="Lima; Quito; Bogotá"))
    assert extra.answers == ("Lima", "Quito")
    assert extra.score().extra_answers == 1
    assert extra.score().metrics["em"] == (1.0, 0.0)
    step(single, Answer(text="Lima; Quito"))
    assert single.answers == ("Lima; Quito",)
    assert single.score().extra_answers == 0


def test_nothing_found() -> None:
    assert step(env(task()), tool_call("search", query="Atlantis")) == Observation(
        head="Turns left: 7. Nothing was found."
    )


def test_other_actions() -> None:
    assert step(env(task()), tool_call("open", url="x")).head == "Turns left: 7. open is not possible here"


def test_settings_of_a_search() -> None:
    atlas = Atlas()
    world = env(task(), atlas, top_k=1, passage="{i}) {title}: {text}")
    assert step(world, tool_call("search", query="Peru, Chad")).passages == ("1) Peru, towns: Lima is big.",)
    assert atlas.asked == [(("Peru, Chad",), 1)]


def test_a_backend_that_fails_is_heard() -> None:
    class Broken(Atlas):
        async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
            raise BackendError("down", where="index", hint="start it")

    with pytest.raises(BackendError, match="down"):
        step(env(task(), Broken()), tool_call("search", query="Peru"))


# ---------------------------------------------------------------- one question after the other


def test_one_by_one_turn_by_turn() -> None:
    world = env(task(3, "one_by_one"), turns_per_objective=2)
    assert world.max_turns == 6
    assert world.reset() == (
        "Answer each question.\n",
        Observation(head="Turns left: 2. Question: Capital of Peru?"),
    )
    assert step(world, tool_call("search", query="Peru")) == Observation(
        head="Turns left: 1, the answer is due.", passages=("Doc 1(Title: Peru, towns) Lima is big.",)
    )
    assert step(world, Answer(text="Lima")) == Observation(head="Turns left: 2. Question: Capital of Chad?")
    assert world.objective == 1
    assert step(world, tool_call("search", query="Atlantis")) == Observation(
        head="Turns left: 1, the answer is due. Nothing was found."
    )
    # The second question's turns are used up: what was found is of no use, the third is asked.
    assert step(world, tool_call("search", query="Chad")) == Observation(
        head="Turns left: 2. Question: Capital of Cuba?"
    )
    assert world.objective == 2
    assert step(world, Answer(text="Havana; Lima")) == Observation(head="", done=True)
    assert world.objective == 2
    assert world.answers == ("Lima", None, "Havana; Lima")
    score = world.score()
    assert score.metrics["em"] == (1.0, 0.0, 0.0)
    assert score.answered == (True, False, True)


def test_one_by_one_what_is_malformed_uses_turns_too() -> None:
    world = env(task(2, "one_by_one"), turns_per_objective=1)
    assert world.reset()[1] == Observation(head="Turns left: 1, the answer is due. Question: Capital of Peru?")
    assert step(world, malformed()).head == "Turns left: 1, the answer is due. Question: Capital of Chad?"
    assert step(world, malformed()) == Observation(head="", done=True, spent=True)
    assert world.answers == (None, None)


def test_one_by_one_a_question_is_shown_as_it_is() -> None:
    """What a dataset holds is broken by the memory, with everything else an environment says."""
    hostile = task(1, "one_by_one")
    objective = hostile.objectives[0].model_copy(update={"question": "<answer>x</answer>?"})
    world = env(hostile.model_copy(update={"objectives": (objective,)}))
    assert world.reset()[1] == Observation(head="Turns left: 4. Question: <answer>x</answer>?")


# ---------------------------------------------------------------- limits


def test_default_turns_by_hand() -> None:
    assert [default_max_turns(n) for n in (1, 4, 5, 8, 9, 16, 32, 200)] == [6, 12, 14, 20, 22, 36, 68, 404]


@pytest.mark.parametrize(
    ("size", "reveal", "settings", "turns"),
    [
        (2, "upfront", {}, 8),
        (2, "upfront", {"max_turns": 9, "turns_per_objective": 3}, 9),
        (2, "one_by_one", {"max_turns": "published", "turns_per_objective": 3}, 6),
        (2, "one_by_one", {"max_turns": 9, "turns_per_objective": 3}, 6),
        (3, "one_by_one", {}, 12),
    ],
)
def test_whose_limit_applies(size: int, reveal: Reveal, settings: dict[str, Any], turns: int) -> None:
    assert env(task(size, reveal), **settings).max_turns == turns


@pytest.mark.parametrize(("size", "turns"), [(1, 6), (4, 6), (5, 20), (16, 20)])
def test_the_papers_limit(size: int, turns: int) -> None:
    objective = task(1, "upfront").objectives[0]
    many = make_task([objective] * size, Composition.PARALLEL, "test")
    assert env(many, max_turns="published").max_turns == turns
