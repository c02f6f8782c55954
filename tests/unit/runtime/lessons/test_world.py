"""Lessons as a mixture: sizes, compositions, numbers, memories, and which turns are imitated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_gated import GatedStateMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.recipe import Recipe
from mem1.retrieval.base import Passage, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.rewards.standard import StandardScorer
from mem1.rollout.config import LessonsConfig
from mem1.rollout.demonstrations import demonstrate
from mem1.rollout.lessons import Setting
from mem1.runtime.lessons.world import WorldLessons
from mem1.tasks.factbook.source import factbook_world
from mem1.types import Composition, Episode

TOKENIZER = CharTokenizer()
BUDGETS = Budgets(state=400, action=300, observation=600)
STATE = StateMemoryConfig(budgets=BUDGETS)


def lessons(memory: MemoryConfig = STATE, **config: Any) -> WorldLessons:
    settings: Mapping[str, Any] = {"real": 0.0, "countries": 8, "per_lesson": 6, "top_k": [2]}
    made = build(LessonsConfig, {**settings, **config}, where="lessons")
    recipe = build(Recipe, {"env": {"prompt": "brief"}}, where="test")

    def retriever(passages: Any) -> Retriever:
        return Bm25Retriever(tuple(passages))

    return WorldLessons(
        Setting(
            config=made,
            seed=0,
            env=recipe.env,
            memory=memory,
            sources=(factbook_world(),),
            retriever=Bm25Retriever((Passage(id="x", title="x", text="x"),)),
            make_retriever=retriever,
            make_scorer=StandardScorer,
        )
    )


def shown(count: int, **config: Any) -> list[Episode]:
    """The demonstrations of the first ``count`` lessons."""
    made = lessons(**config)
    memory = StateMemoryConfig(budgets=BUDGETS).build()
    return [
        episode
        for number in range(count)
        for episode in demonstrate(made.lesson(number, ("zu ", "ba")), memory, TOKENIZER, label=str(number))
    ]


def prompt_of(episode: Episode) -> str:
    turn = episode.turns[0]
    return TOKENIZER.decode(turn.prompt_token_ids[: turn.prefix_length])


def test_sizes_and_compositions_are_mixed() -> None:
    made = lessons(objectives=[1, 3], compositions=["parallel", "sequential", "chained"])
    tasks = [task for number in range(30) for task in made.lesson(number, ()).tasks]
    assert {task.size for task in tasks} == {1, 2, 3}
    assert {task.composition for task in tasks} == {Composition.PARALLEL, Composition.SEQUENTIAL, Composition.CHAINED}


@pytest.mark.parametrize("composition", ["parallel", "delayed"])
def test_lessons_that_count_from_anywhere_are_answered_right_all_the_same(composition: str) -> None:
    episodes = shown(8, objectives=3, delays=[1, 2], compositions=[composition], anywhere=1.0, numbers=20, remarks=0.5)
    assert len(episodes) > 12
    firsts = {episode.task.first for episode in episodes}
    assert len(firsts) > 5
    assert max(firsts) <= 17
    if composition == "delayed":
        asked = [one.metadata for episode in episodes for one in episode.task.objectives if "recalls" in one.metadata]
        assert {one["number"] - one["recalls"] for one in asked} == {1, 2}


def test_remarks_stand_in_their_share_of_prompts_and_bear_other_numbers() -> None:
    episodes = shown(6, objectives=2, compositions=["parallel"], remarks=0.5, numbers=30)
    prompts = [prompt_of(episode) for episode in episodes]
    remarked = [prompt for prompt in prompts if prompt.count("\n") > 4]
    assert 0.25 < len(remarked) / len(prompts) < 0.75
    for prompt in prompts:
        numbers = re.findall(r"^\((\d+)\)", prompt, flags=re.MULTILINE)
        assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("memory", [FullMemoryConfig(), WindowMemoryConfig()])
def test_lessons_that_would_never_be_shown_under_the_recipes_memory_are_refused(memory: MemoryConfig) -> None:
    with pytest.raises(ConfigError, match=f"shown under state_gated or state, none under {memory.type}") as caught:
        lessons(memory, memories=["state_gated", "state", "state"])
    assert caught.value.hint is not None
    assert caught.value.hint.endswith("--lessons.memories '[]'")
    lessons(memory, memories=[])


def test_instructions_of_lessons_that_the_recipes_memory_would_override_are_refused() -> None:
    gated = GatedStateMemoryConfig(instruction="Edit the page.")
    for key, given, theirs in (("instruction", "Edit. Quote.", "'Edit the page.'"), ("quotes", True, "False")):
        with pytest.raises(ConfigError, match=rf"memory\.{key} is {theirs}, and lessons\.{key} {given!r}"):
            lessons(gated, memories=["state_gated"], **{key: given})
    lessons(gated, memories=["state_gated"], instruction="Edit the page.")
    lessons(memories=["state_gated"], instruction="Edit. Quote.", quotes=True)


def test_lessons_are_shown_under_several_memories() -> None:
    episodes = shown(12, objectives=2, compositions=["parallel"], memories=["state", "state_gated"])
    edits = [TOKENIZER.decode(episode.turns[-1].completion_token_ids).startswith("<think>=") for episode in episodes]
    assert 0.2 < sum(edits) / len(edits) < 0.8
    for episode, edited in zip(episodes, edits, strict=True):
        assert edited == (episode.strategy == "state_gated")


def test_lessons_under_an_edited_page_may_answer_by_quoting_it() -> None:
    for quotes in (True, False):
        asked = {"objectives": 2, "compositions": ["parallel"], "memories": ["state_gated"], "quotes": quotes}
        for episode in shown(3, **asked):
            written = TOKENIZER.decode(episode.turns[-1].completion_token_ids)
            assert written.endswith("<answer>=</answer>") == quotes
            assert episode.answers == tuple(o.answers[0] for o in episode.task.objectives)


def test_a_list_that_does_not_end_where_it_seems_to_is_imitated_up_to_its_last_turn() -> None:
    """The line after the last question bears a number further on; no turn that would need the next one is imitated."""
    asked = {"objectives": 2, "compositions": ["parallel"], "remarks": 0.5, "numbers": 30}
    near, far = shown(4, **asked), shown(4, **asked, distant=1.0)
    for episode in near:
        assert f"\n({episode.task.first + 2}) Answer all.\n" in prompt_of(episode)
        assert any(turn.action.type == "answer" for turn in episode.turns)
    for episode in far:
        (end,) = re.findall(r"^\((\d+)\) Answer all\.$", prompt_of(episode), flags=re.MULTILINE)
        assert episode.task.first + 2 < int(end) <= 30
        imitated = [turn for turn in episode.turns if any(turn.sampled_mask)]
        assert imitated
        assert all(turn.action.type == "tool_call" for turn in imitated)


def test_at_most_so_many_turns_are_imitated_and_each_in_its_own_context() -> None:
    whole = {episode.id: episode for episode in shown(3, objectives=4, compositions=["parallel"])}
    part = shown(3, objectives=4, compositions=["parallel"], turns=2)
    assert len(part) == len(whole)
    for episode in part:
        assert len(episode.turns) == 2
        assert set(map(str, episode.turns)) <= set(map(str, whole[episode.id].turns))
    ended = [episode.turns[-1].index == len(whole[episode.id].turns) - 1 for episode in part]
    assert 0.2 < sum(ended) / len(ended) < 0.95


def test_spoiled_pages_are_seen_and_not_imitated() -> None:
    """A context may hold an item twice; what is imitated never does."""
    episodes = shown(6, objectives=4, compositions=["parallel"], slips=0.5)
    twice = re.compile(r"(\(\d+\) [^;?]*;)(?:.*;)?\1")
    spoiled = 0
    for episode in episodes:
        for turn in episode.turns:
            written = TOKENIZER.decode(turn.completion_token_ids)
            page = written.partition("</think>")[0]
            numbers = re.findall(r"[|;]\((\d+)\)", page)
            assert numbers == sorted(set(numbers), key=int)
            old = TOKENIZER.decode(turn.prompt_token_ids[turn.prefix_length :]).partition("</think>")[0]
            spoiled += twice.search(old) is not None
    assert spoiled > 5


def test_a_range_that_runs_backwards_is_refused() -> None:
    with pytest.raises(ConfigError, match="a range has its smaller end first"):
        lessons(objectives=[4, 1])


def test_lessons_begin_in_the_middle_with_a_page_that_holds_values_already() -> None:
    """The prompt lists only the questions that are left, and the answer gives all."""
    episodes = shown(4, objectives=[1, 2], compositions=["parallel"], held=1.0, most_held=5, numbers=20)
    assert len(episodes) == 24
    for episode in episodes:
        listed = re.findall(r"^\((\d+)\)", prompt_of(episode), flags=re.MULTILINE)
        assert len(listed) in (2, 3)  # and the line after the last
        first = TOKENIZER.decode(episode.turns[0].prompt_token_ids[episode.turns[0].prefix_length :])
        assert first.count("(") >= episode.task.size - len(listed)
        answer = TOKENIZER.decode(episode.turns[-1].completion_token_ids).partition("<answer>")[2]
        assert answer.count("(") == episode.task.size > len(listed) - 1


def test_a_share_of_the_turns_has_wrong_tokens_that_are_not_imitated() -> None:
    episodes = shown(4, objectives=2, compositions=["parallel"], stumbles=0.5)
    turns = [turn for episode in episodes for turn in episode.turns]
    assert 0.3 < sum(not all(turn.sampled_mask) for turn in turns) / len(turns) < 0.7


def test_some_parallel_lessons_have_long_lists() -> None:
    made = lessons(objectives=[1, 2], compositions=["parallel", "sequential"], more=0.5, more_objectives=[8, 16])
    tasks = [made.lesson(number, ()).tasks[0] for number in range(60)]
    sizes = {task.size for task in tasks if task.composition is Composition.PARALLEL}
    assert {task.size for task in tasks if task.composition is not Composition.PARALLEL} == {1, 2}
    assert {1, 2} < sizes
    assert all(size <= 2 or 8 <= size <= 16 for size in sizes)
    assert len({size for size in sizes if size < 11}) > 2


def test_long_delayed_lessons_draw_from_the_delays_that_their_size_allows() -> None:
    made = lessons(objectives=3, delays=[1, 12], compositions=["delayed"], more=0.5, more_objectives=[8, 12])
    delays: dict[int, set[int]] = {}
    for number in range(60):
        task = made.lesson(number, ()).tasks[0]
        again = [one.metadata for one in task.objectives if "recalls" in one.metadata]
        delays.setdefault(task.size, set()).update(one["number"] - one["recalls"] for one in again)
    assert delays[3] == {1, 2}
    assert max(max(found) for size, found in delays.items() if size > 3) > 5


def test_a_share_of_the_worlds_has_values_that_are_alike_or_long() -> None:
    plain, hard = lessons(), lessons(alike=1.0, long_values=1.0)
    longest = []
    for made in (plain, hard):
        tasks = [task for number in range(3) for task in made.lesson(number, ("zu", "ba")).tasks]
        objectives = [one for task in tasks for one in task.objectives]
        longest.append(max(len(one.answers[0]) for one in objectives))
    assert longest[0] < 60 < longest[1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"more": 0.1, "more_objectives": [5, 72]}, "need more than 72 numbers"),
        ({"held": 0.1, "most_held": 68, "objectives": [1, 4]}, "need more than 72 numbers"),
        ({"more": 0.6, "held": 0.6}, "over 1"),
    ],
)
def test_lessons_that_cannot_be_are_refused(changes: Mapping[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        lessons(**changes)


def texts_of(episode: Episode) -> list[tuple[str, str]]:
    """Of each turn the context and what was written in it."""
    return [(TOKENIZER.decode(t.prompt_token_ids), TOKENIZER.decode(t.completion_token_ids)) for t in episode.turns]


def test_after_searches_in_vain_the_expert_gives_up_and_goes_on() -> None:
    asked = {"objectives": 3, "compositions": ["parallel"], "memories": ["state_gated"], "vain": 0.3}
    episodes = shown(8, **asked)
    given_up = sum(answer == "unknown" for episode in episodes for answer in episode.answers)
    assert 0.2 < given_up / sum(episode.task.size for episode in episodes) < 0.7
    for episode in episodes:
        for answer, objective in zip(episode.answers, episode.task.objectives, strict=True):
            assert answer in ("unknown", *objective.answers)
        for number, answer in enumerate(episode.answers, start=episode.task.first):
            if answer == "unknown":  # the turn that says so is imitated
                assert any(f"+({number}) unknown" in written for _, written in texts_of(episode))


def test_turns_in_which_nothing_is_done_are_shown_and_not_imitated() -> None:
    asked = {"objectives": 3, "compositions": ["parallel"], "memories": ["state_gated"], "lapses": 0.3}
    episodes = shown(8, **asked)
    after = [pair for episode in episodes for pair in texts_of(episode) if "No action was taken" in pair[0]]
    assert len(after) > len(episodes) / 2
    assert {("unknown" in written) for _, written in after} == {True, False}
    for episode in episodes:
        for _, written in texts_of(episode):
            assert written.startswith("<think>=")
            assert not written.endswith("</think></search>")
            assert "</think><" in written


def test_without_searches_in_vain_nothing_is_given_up() -> None:
    asked = {"objectives": 3, "compositions": ["parallel"], "memories": ["state_gated"]}
    for episode in shown(6, **asked):
        assert episode.reward == episode.task.size
