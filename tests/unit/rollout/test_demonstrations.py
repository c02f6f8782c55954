"""Demonstrations are right, and the same from wherever one starts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from mem1.envs.qa import QaEnvConfig
from mem1.errors import BackendError, DataError
from mem1.inference.scripted.expert import Expert
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.retrieval.base import Hit, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.rollout.demonstrations import DemonstrationSource, Lesson, demonstrate
from mem1.rollout.lost import Lost
from mem1.tasks.compose import make_task
from mem1.types import Composition, Episode, Objective, SideCall, StopReason, Task
from mem1.webshop.texts import demonstration_texts
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


def test_what_the_expert_says_it_did_not_find_is_right_where_a_lesson_says_so() -> None:
    half = make_task([QUESTIONS["small/Peru/capital"], *lost().objectives], Composition.PARALLEL, "train")
    tasks = replace(lesson(single("Peru/capital"), lost(), half), gives_up=True)
    kept = demonstrate(tasks, MEMORY, TOKENIZER, label="d")
    assert [episode.answers for episode in kept] == [("Lima",), ("unknown",), ("Lima", "unknown")]


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


CAPITALS = ("Peru/capital", "Brazil/capital", "Ghana/capital")


def summarised(**keys: Any) -> list[Episode]:
    """Demonstrations of one task of three questions under a memory that is summarised before every turn but one."""
    tasks = [make_task([QUESTIONS[f"small/{name}"] for name in CAPITALS], Composition.PARALLEL, "train")]
    memory = SummaryMemoryConfig(summary=400, instruction="Sum up.").build()
    return demonstrate(replace(lesson(*tasks), **keys), memory, TOKENIZER, label="d")


def noting() -> Expert:
    return Expert(pages="noted")


def test_the_summaries_of_a_memory_are_demonstrated_with_its_turns() -> None:
    (episode,) = summarised(make_expert=noting)
    assert [(call.turn, TOKENIZER.decode(call.completion_token_ids)) for call in episode.side_calls] == [
        (1, "|?(1) capital of Peru</summary>"),
        (2, "|(1) Lima;?(2) capital of Brazil</summary>"),
        (3, "|(1) Lima;(2) Brasília;?(3) capital of Ghana</summary>"),
    ]
    assert all(all(call.sampled_mask) for call in episode.side_calls)
    asked = TOKENIZER.decode(episode.side_calls[1].prompt_token_ids[episode.side_calls[1].prefix_length :])
    assert asked.startswith("<summary>|?(1) capital of Peru</summary><information>Turns left: 9.")
    assert asked.endswith(
        "</information><think> capital: Lima|(1) Lima;?(2) capital of Brazil</think><search> capital of Brazil</search>"
        "\nSum up.\n<summary>"
    )


def test_side_calls_that_nobody_demonstrates_or_that_were_spoiled_are_not_imitated() -> None:
    class Silent(Expert):
        demonstrates = frozenset()

    (unknown,) = summarised(make_expert=lambda: Silent(pages="noted"))
    assert [bool(call.sampled_mask) for call in unknown.side_calls] == [False, False, False]
    (spoiled,) = summarised(make_expert=lambda: Expert(pages="noted", slips=1.0))
    assert [turn.index for turn in spoiled.turns] == [0, 3], "pages with a list on them were spoiled too"
    assert [bool(call.sampled_mask) for call in spoiled.side_calls] == [False], "that of the last turn"


@pytest.mark.parametrize("seed", range(4))
def test_of_chosen_turns_the_side_calls_come_along_in_their_places(seed: int) -> None:
    (whole,), (part,) = summarised(make_expert=noting), summarised(make_expert=noting, turns=2, seed=seed)
    kept = [turn.index for turn in part.turns]
    made_for = [0 if index == 0 else 1 for index in kept]  # the first turn has none
    assert len(part.side_calls) == sum(made_for)
    for call in part.side_calls:
        (as_made,) = (one for one in whole.side_calls if one.turn == part.turns[call.turn].index)
        assert call.completion_token_ids == as_made.completion_token_ids
    assert [type(call) for call in part.calls].count(SideCall) == sum(made_for)


def test_side_calls_stumble_too() -> None:
    (episode,) = summarised(make_expert=noting, stumbles=1.0)
    assert [call.sampled_mask.count(False) > 0 for call in episode.side_calls] == [True, True, True]


class Down:
    """A search that fails for one question, or for all."""

    def __init__(self, failing: str = "") -> None:
        self._failing = failing

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        await asyncio.sleep(0)
        if any(self._failing in query for query in queries):
            raise BackendError("down", where="index", hint="start it")
        return await RETRIEVER.search(queries, top_k)


def test_failed_episodes_are_no_demonstrations_and_are_counted_with_their_first_cause() -> None:
    tasks = single("Peru/capital"), lost(), single("Ghana/capital"), single("Peru/lowest point")
    found: list[Lost] = []
    (kept,) = demonstrate(lesson(*tasks, retriever=Down("Peru")), MEMORY, TOKENIZER, label="d", on_lost=found.append)
    assert kept.answers == ("Accra",)
    (told,) = found
    assert (told.made, told.failed) == (4, 2)
    assert told.first.startswith("BackendError: down")
    assert told.where.startswith("d/0/0, File ")
    assert "BackendError: down where: index hint: start it (d/0/0, File " in str(told), "one line"


def test_a_curriculum_adds_up_what_failed_in_its_lessons() -> None:
    """Every other lesson fails in one of two; the first cause stays."""
    down = lesson(single("Peru/capital"), single("Ghana/capital"), retriever=Down("Peru"))
    whole = lesson(single("Peru/capital"), single("Ghana/capital"))
    source = DemonstrationSource(
        lambda number: down if number % 2 else whole, MEMORY, TOKENIZER, per_lesson=4, mixed=2, seed=0
    )
    list(islice(source(0), 24))
    assert (source.lost.made, source.lost.failed) == (12, 3)
    assert source.lost.where.startswith("lesson-1/0/0, File ")


class Missing:
    """A retriever that finds nothing."""

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        return [[] for _ in queries]


def test_what_the_expert_did_not_find_has_not_failed() -> None:
    found: list[Lost] = []
    unfound = lesson(single("Peru/capital"), retriever=Missing())
    assert demonstrate(unfound, MEMORY, TOKENIZER, label="d", on_lost=found.append) == []
    assert [str(one) for one in found] == ["0 of the expert's 1 episodes failed"]


def test_a_tokenizer_is_not_trained_on_some_of_the_demonstrations_where_others_failed() -> None:
    partly = lesson(single("Peru/capital"), single("Ghana/capital"), retriever=Down("Peru"))
    with pytest.raises(BackendError, match="is trained on the texts of all demonstrations: 1 of 2 episodes failed"):
        list(demonstration_texts([partly], MEMORY))


def test_where_nothing_is_right_the_failed_episodes_tell_why() -> None:
    with pytest.raises(BackendError, match="2 of 2 episodes failed, the first with BackendError: down"):
        demonstrate(lesson(*2 * [single("Peru/capital")], retriever=Down()), MEMORY, TOKENIZER, label="d")


def test_a_mistake_in_the_expert_is_told_as_such_and_not_as_unanswerable_tasks() -> None:
    class Forgetful(Expert):
        def __call__(self, session: str, context: str) -> str:
            return {"known": "page"}[session]

    taught = replace(lesson(single("Peru/capital"), lost()), make_expert=Forgetful)
    source = DemonstrationSource(lambda number: taught, MEMORY, TOKENIZER, per_lesson=4, mixed=1, seed=0)
    with pytest.raises(BackendError, match="2 of 2 episodes failed, the first with KeyError: 'lesson-3/0/0'") as raised:
        source.lesson(3)
    assert raised.value.where is not None
    assert raised.value.where.startswith("lesson-3/0/0, File ")
    assert "test_demonstrations.py" in raised.value.where


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
