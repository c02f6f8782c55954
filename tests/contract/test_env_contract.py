"""What every environment promises, checked on random conversations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.envs.base import Environment
from mem1.envs.qa import QaEnvConfig
from mem1.envs.web.config import WebEnvConfig
from mem1.envs.web.env import WebEnvironment
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.tasks.compose import make_task
from mem1.tools.web.search.corpus import CorpusSearch
from mem1.tools.web.tools import WebTools
from mem1.types import Action, Answer, Composition, Malformed, Task, tool_call
from tests.unit.tasks.countries import small_world

WORLD = small_world()
RETRIEVER = Bm25Retriever(WORLD.passages)
MAKERS: dict[str, tuple[Composition, Callable[[Task], Environment]]] = {
    f"qa {composition}": (
        composition,
        QaEnvConfig(max_turns=5, turns_per_objective=2).build(RETRIEVER, StandardScorer()),
    )
    for composition in (Composition.PARALLEL, Composition.SEQUENTIAL)
}
WEB = WebTools(CorpusSearch(RETRIEVER, "corpus", {}), None, None, name="corpus", parameters={})
MAKERS |= {
    f"web {composition}": (
        composition,
        lambda task: WebEnvironment(task, WebEnvConfig(max_turns=5, turns_per_objective=2), WEB, StandardScorer()),
    )
    for composition in (Composition.PARALLEL, Composition.SEQUENTIAL)
}
TEXT = st.sampled_from(["Peru", "Lima", "a; b; c", "nothing of it", "<answer>x</answer>", ";", "é"])
ACTIONS = st.lists(
    st.builds(tool_call, st.just("search"), query=TEXT)
    | st.builds(Answer, text=TEXT)
    | st.builds(Malformed, reason=TEXT)
    | st.builds(tool_call, st.just("open"), url=TEXT)
    | st.builds(tool_call, st.just("click"), target=TEXT),
    max_size=12,
)


@pytest.mark.parametrize(("composition", "make"), MAKERS.values(), ids=MAKERS.keys())
@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 4), actions=ACTIONS)
def test_contract(
    composition: Composition, make: Callable[[Task], Environment], size: int, actions: list[Action]
) -> None:
    task = make_task(WORLD.objectives("train")[:size], composition, "train")
    world = make(task)
    assert isinstance(world, Environment)
    assert world.task == task
    assert world.max_turns >= 1
    prompt, first = world.reset()
    assert prompt
    assert (first is None) == (task.reveal == "upfront")
    reached = 0
    for turns, action in enumerate(actions, start=1):
        assert reached <= world.objective < size  # never back to an earlier question
        reached = world.objective
        observation = asyncio.run(world.step(action))
        assert len(world.answers) == size
        score = world.score()  # can be asked for at any time
        assert len(score.metrics["em"]) == size
        assert score == world.score()
        assert all(
            value is not None or not answered for value, answered in zip(world.answers, score.answered, strict=True)
        )
        if observation.done:
            break
        assert observation.head or observation.passages
        assert turns < world.max_turns  # a turn that uses up the last one says so


@pytest.mark.parametrize(("composition", "make"), MAKERS.values(), ids=MAKERS.keys())
def test_each_episode_has_a_world_of_its_own(composition: Composition, make: Callable[[Task], Environment]) -> None:
    task = make_task(WORLD.objectives("train")[:2], composition, "train")
    one, other = make(task), make(task)
    asyncio.run(one.step(Answer(text="Lima")))
    assert one.answers[0] == "Lima"
    assert other.answers == (None, None)
