"""Searches that look for something else than was asked."""

from __future__ import annotations

import random

import pytest

from mem1.envs.base import Environment
from mem1.envs.qa import QaEnvConfig
from mem1.event_loop import run_here
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.runtime.lessons.vain import in_vain
from mem1.tasks.compose import make_task
from mem1.types import Answer, Composition, ToolCall
from tests.unit.tasks.countries import small_world

WORLD = small_world()
MAKE = QaEnvConfig(prompt="brief").build(Bm25Retriever(WORLD.passages), StandardScorer())
TASK = make_task(WORLD.objectives("train")[:2], Composition.PARALLEL, "train")


def started(share: float, seed: int) -> Environment:
    env = in_vain(MAKE, share, random.Random(seed), ("zu ", "ba"))(TASK)
    env.reset()
    return env


def found(env: Environment, query: str) -> str:
    return str(run_here(env.step(ToolCall(name="search", arguments={"query": query}))))


def test_without_a_share_environments_are_what_they_were() -> None:
    assert in_vain(MAKE, 0.0, random.Random(0), ()) is MAKE


def test_a_share_of_searches_shows_something_else() -> None:
    asked = "capital of Peru"
    usual = found(started(1e-9, 0), asked)
    other = sum(found(started(0.5, seed), asked) != usual for seed in range(200))
    assert 60 < other < 110  # one in four that looks for something else finds the same card all the same


def test_answers_are_taken_as_they_are() -> None:
    env = started(1.0, 0)
    text = "; ".join(f"({i + 1}) {o.answers[0]}" for i, o in enumerate(TASK.objectives))
    assert run_here(env.step(Answer(text=text))).done
    assert env.score().total(env.score().main) == 2


@pytest.mark.parametrize("seed", range(8))
def test_the_same_search_of_the_same_seed_finds_the_same(seed: int) -> None:
    assert found(started(1.0, seed), "capital of Peru") == found(started(1.0, seed), "capital of Peru")


def test_the_environment_is_the_inner_one_in_all_else() -> None:
    env, inner = started(1.0, 0), MAKE(TASK)
    inner.reset()
    assert (env.task, env.tools, env.takes_answer) == (inner.task, inner.tools, inner.takes_answer)
    assert (env.max_turns, env.objective, env.answers) == (inner.max_turns, inner.objective, inner.answers)
