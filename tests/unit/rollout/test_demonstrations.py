"""Demonstrations are right, and the same from wherever one starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

import pytest

from mem1.envs.qa import QaEnvConfig
from mem1.errors import BackendError, DataError
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.retrieval.base import Hit, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.rollout.demonstrations import DemonstrationSource, Lesson, demonstrate
from mem1.tasks.compose import make_task
from mem1.types import Composition, Episode, Objective, StopReason, Task
from tests.unit.tasks.countries import small_world

MEMORY = StateMemoryConfig().build()
TOKENIZER = CharTokenizer()
WORLD = small_world()
QUESTIONS = {o.id: o for o in WORLD.objectives("train")}
RETRIEVER = Bm25Retriever(WORLD.passages)


def single(name: str) -> Task:
    return make_task([QUESTIONS[f"small/{name}"]], Composition.SEQUENTIAL, "train")


def lost() -> Task:
    """A task whose answer is in no passage."""
    nowhere = Objective(id="x", question="What is the capital of Atlantis?", answers=("Poseidonis",), source="small")
    return make_task([nowhere], Composition.SEQUENTIAL, "train")


def lesson(*tasks: Task, retriever: Retriever = RETRIEVER) -> Lesson:
    return Lesson(tasks, QaEnvConfig(prompt="brief").build(retriever, StandardScorer()))


def test_only_right_episodes_are_kept() -> None:
    half = make_task([QUESTIONS["small/Peru/capital"], *lost().objectives], Composition.PARALLEL, "train")
    tasks = (single("Peru/capital"), lost(), half, single("Ghana/capital"))
    kept = demonstrate(lesson(*tasks), MEMORY, TOKENIZER, label="d")
    assert [episode.answers for episode in kept] == [("Lima",), ("Accra",)]
    assert [episode.id for episode in kept] == ["d/0/0", "d/3/0"]
    assert all(episode.stop is StopReason.ANSWERED and episode.reward == episode.task.size for episode in kept)


def test_token_ids_are_those_of_the_tokenizer_given() -> None:
    (episode,) = demonstrate(lesson(single("Peru/capital")), MEMORY, TOKENIZER, label="d")
    texts = [TOKENIZER.decode(turn.completion_token_ids) for turn in episode.turns]
    assert texts == [
        "<think> ? capital of Peru</think><search> capital of Peru</search>",
        "<think> capital: Lima</think><answer> Lima</answer>",
    ]
    assert TOKENIZER.decode(episode.turns[0].prompt_token_ids) == (
        "Answer each question.\n<information>Turns left: 4. Question: What is the capital of Peru?</information>"
    )


def test_failed_episodes_are_no_demonstrations() -> None:
    class Down:
        async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
            await asyncio.sleep(0)
            raise BackendError("down", where="index", hint="start it")

    assert demonstrate(lesson(single("Peru/capital"), retriever=Down()), MEMORY, TOKENIZER, label="d") == []


# ---------------------------------------------------------------- curriculum

PLANS = [("Peru/capital", "Brazil/capital", "Ghana/capital"), ("Peru/lowest point", "Ghana/lowest point")]


def curriculum(seed: int = 0, mixed: int = 2) -> DemonstrationSource:
    """Lessons of three and of two tasks in turn, of which a lost one is never shown."""
    return DemonstrationSource(
        lambda number: lesson(lost(), *map(single, PLANS[number % 2])),
        MEMORY,
        TOKENIZER,
        per_lesson=4,
        mixed=mixed,
        seed=seed,
    )


def shown(episodes: Sequence[Episode]) -> list[tuple[str, tuple[str | None, ...]]]:
    return [(episode.id, episode.answers) for episode in episodes]


def first(count: int, made: DemonstrationSource, start: int = 0) -> list[tuple[str, tuple[str | None, ...]]]:
    return shown(list(islice(made(start), count)))


@pytest.mark.parametrize("start", [1, 3, 4, 7, 8, 9, 15, 16, 21])
@pytest.mark.parametrize("mixed", [1, 2, 3])
def test_it_goes_on_the_same_from_any_number(start: int, mixed: int) -> None:
    assert first(10, curriculum(mixed=mixed), start) == first(start + 10, curriculum(mixed=mixed))[start:]


def test_each_lesson_gives_as_many_and_repeats_fairly() -> None:
    for number, plan in enumerate(PLANS):
        episodes = curriculum().lesson(number)
        assert len(episodes) == 4
        counts = [sum(e.task.id == single(name).id for e in episodes) for name in plan]
        assert sorted(counts) == ([1, 1, 2] if number == 0 else [2, 2])


def test_lessons_are_shuffled_together() -> None:
    lessons = [name.split("/")[0] for name, _ in first(16, curriculum(mixed=2))]
    assert sorted(lessons[:8]) == ["lesson-0"] * 4 + ["lesson-1"] * 4
    assert sorted(lessons[8:]) == ["lesson-2"] * 4 + ["lesson-3"] * 4
    assert lessons[:8] != sorted(lessons[:8])
    apart = [name.split("/")[0] for name, _ in first(8, curriculum(mixed=1))]
    assert apart == sorted(apart)


def test_the_seed_sets_the_order() -> None:
    assert first(16, curriculum(seed=1)) == first(16, curriculum(seed=1))
    assert first(16, curriculum(seed=1)) != first(16, curriculum(seed=2))


def test_a_lesson_without_a_right_answer_is_an_error() -> None:
    """Not an endless search for one, nor a shift of all later numbers."""
    empty = DemonstrationSource(lambda number: lesson(lost()), MEMORY, TOKENIZER, per_lesson=4, mixed=1, seed=0)
    with pytest.raises(DataError, match="the expert answered no task right") as raised:
        next(empty(8))
    assert raised.value.where == "lesson 2"
