"""Where a context's tokens come from, on episodes played under real memory policies; lengths are counted by hand.

One token is one byte or one tag: ``<think>known: nothing</think>`` has 16, ``<search>Perú</search>`` 7 (ú is two
bytes), ``<information>passage about Perú, long enough</information>`` 34.
"""

from __future__ import annotations

import pytest

from mem1.memory.base import MemoryFactory
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.notes import NotesMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.report.viewer.bars import bar_of, skyline, strip_of
from mem1.report.viewer.origins import Origins
from mem1.report.viewer.texts import Texts
from mem1.storage.vocabulary import Vocabulary
from mem1.types import Episode
from tests.unit.report.scripted import VOCABULARY, play

FULL = FullMemoryConfig().build()
STATE = StateMemoryConfig().build()
TURNS = (16 + 7 + 34, 20 + 7 + 34, 24 + 7 + 34)


def pieces(origins: Origins, index: int) -> list[tuple[str, int, int]]:
    """Kind, turn and tokens of what was in a context."""
    found = origins.context(index).pieces
    return [(piece.kind, piece.block.turn if piece.block else -9, piece.length) for piece in found]


def context_of(episode: Episode, index: int) -> str:
    turn = episode.turns[index]
    return VOCABULARY.text(turn.prompt_token_ids[turn.prefix_length :])


@pytest.mark.parametrize("spelled", [True, False])
def test_full_keeps_every_block(spelled: bool) -> None:
    origins = Origins(play(FULL), VOCABULARY.text if spelled else None)
    assert pieces(origins, 0) == [("prompt", -9, 16)]
    assert pieces(origins, 2) == [
        ("prompt", -9, 16),
        ("state", 0, 16),
        ("action", 0, 7),
        ("observation", 0, 34),
        ("state", 1, 20),
        ("action", 1, 7),
        ("observation", 1, 34),
    ]
    assert origins.context(3).dropped == ()
    assert origins.context(3).dropped_length == 0
    assert origins.history_length(3) == sum(TURNS)


@pytest.mark.parametrize("spelled", [True, False])
def test_state_keeps_the_last_turn_and_drops_the_others(spelled: bool) -> None:
    origins = Origins(play(STATE), VOCABULARY.text if spelled else None)
    assert pieces(origins, 3) == [("prompt", -9, 16), ("state", 2, 24), ("action", 2, 7), ("observation", 2, 34)]
    context = origins.context(3)
    assert [(block.turn, block.kind) for block in context.dropped] == [
        (turn, kind) for turn in (0, 1) for kind in ("state", "action", "observation")
    ]
    assert context.dropped_length == TURNS[0] + TURNS[1]


def test_a_block_that_is_not_carried_is_dropped() -> None:
    origins = Origins(play(StateMemoryConfig(carry=("state", "observation")).build()))
    assert pieces(origins, 1) == [("prompt", -9, 16), ("state", 0, 16), ("observation", 0, 34)]
    assert [(block.kind, block.length) for block in origins.context(1).dropped] == [("action", 7)]


@pytest.mark.parametrize("spelled", [True, False])
def test_a_window_cuts_through_a_block(spelled: bool) -> None:
    origins = Origins(play(WindowMemoryConfig(window=50).build()), VOCABULARY.text if spelled else None)
    assert pieces(origins, 3) == [
        ("prompt", -9, 16),
        ("state", 2, 50 - 34 - 7),
        ("action", 2, 7),
        ("observation", 2, 34),
    ]
    cut = origins.context(3).pieces[1]
    assert not cut.whole
    assert origins.context(3).dropped_length == sum(TURNS) - 50


@pytest.mark.parametrize("spelled", [True, False])
def test_a_window_smaller_than_an_observation_holds_its_end(spelled: bool) -> None:
    origins = Origins(play(WindowMemoryConfig(window=20).build()), VOCABULARY.text if spelled else None)
    assert pieces(origins, 2) == [("prompt", -9, 16), ("observation", 1, 20)]
    assert origins.context(2).dropped_length == TURNS[0] + TURNS[1] - 20


def test_what_was_shown_before_the_first_turn_is_history_too() -> None:
    origins = Origins(play(STATE, first="first question"), VOCABULARY.text)
    assert pieces(origins, 0) == [("prompt", -9, 16), ("observation", -1, 2 + 14)]
    assert [block.turn for block in origins.context(1).dropped] == [-1]
    assert origins.history_length(1) == 16 + TURNS[0]


@pytest.mark.parametrize("memory", [FULL, STATE, WindowMemoryConfig(window=50).build(), NotesMemoryConfig().build()])
@pytest.mark.parametrize("first", [None, "first question"])
def test_the_texts_of_all_pieces_joined_are_the_context(memory: MemoryFactory, first: str | None) -> None:
    written = ("<think>a</think><search>b</search>",) * 2 + ("<think>c</think><answer>Lima</answer>",)
    for episode in (play(memory, first=first), play(memory, first=first, written=written)):
        texts = Texts(episode, [VOCABULARY], None)
        for index in range(len(episode.turns)):
            seen = texts.in_context(index, texts.origins.context(index))
            # A window may cut through a character, whose halves are told apart from the whole.
            assert "".join(passage.text or "" for passage in seen) == context_of(episode, index)


def test_what_a_memory_adds_itself_is_told_apart_from_what_it_keeps() -> None:
    episode = play(NotesMemoryConfig().build())
    found = pieces(Origins(episode, VOCABULARY.text), len(episode.turns) - 1)
    assert ("observation", len(episode.turns) - 2, 34) in found
    assert sum(length for _, _, length in found) == len(episode.turns[-1].prompt_token_ids)


def test_without_the_vocabulary_whole_blocks_have_the_texts_of_their_records() -> None:
    episode = play(WindowMemoryConfig(window=50).build())
    wrong = Vocabulary([b"x"] * 300)
    texts = Texts(episode, [wrong], None)
    assert texts.vocabulary is None
    assert texts.prompt is None
    state, action, observation = texts.in_context(3, texts.origins.context(3))
    assert (state.text, state.cut) == (None, True)
    assert action.text == "<search>Chile</search>"
    assert observation.text == "<information>passage about Chile, long enough</information>"
    assert [one.text for one in texts.dropped(texts.origins.context(1))] == []
    assert texts.dropped(texts.origins.context(2))[0].text == "<think>known: nothing</think>"
    assert texts.written(episode.turns[0]) == ()


def test_tokens_are_marked_as_sampled_or_forced_and_characters_stay_whole() -> None:
    episode = play(StateMemoryConfig().build())
    turn = episode.turns[0]
    sampled = (False, *turn.sampled_mask[1:])
    logprobs = (0.0, -0.05, -0.5, -1.0, -3.0, *turn.logprobs[5:])
    turn = turn.model_copy(update={"sampled_mask": sampled, "logprobs": logprobs})
    tokens = Texts(episode, [VOCABULARY], None).written(turn)
    assert [(token.text, token.shade) for token in tokens[:5]] == [
        ("<think>", "forced"),
        ("k", "p0"),
        ("n", "p1"),
        ("o", "p2"),
        ("w", "p3"),
    ]
    assert tokens[0].probability is None
    assert tokens[4].probability == pytest.approx(0.0498, abs=1e-4)
    assert "ú" in [token.text for token in tokens]  # two byte tokens, one character
    unsure = Texts(episode, [VOCABULARY], None).written(turn.model_copy(update={"exact": False}))
    assert {token.shade for token in unsure} == {"forced", "unknown"}


def test_bars_are_to_scale() -> None:
    episode = play(STATE)
    first = episode.turns[0]
    # prompt 16, state 16, action 7, observation 34 of 100 tokens on a width of 1000
    assert [(r.kind, r.start, r.size) for r in bar_of(first, 100)] == [
        ("prompt", 0, 160),
        ("state", 160, 160),
        ("action", 320, 70),
        ("observation", 390, 340),
    ]
    strip = strip_of(Origins(episode).context(2))
    assert [(r.kind, r.tokens) for r in strip] == [
        ("dropped", TURNS[0]),
        ("state", 20),
        ("action", 7),
        ("observation", 34),
    ]
    assert sum(r.size for r in strip) == pytest.approx(1000)


def test_the_skyline_shows_contexts_under_the_history() -> None:
    episode = play(STATE)
    last = len(episode.turns[3].completion_token_ids)
    drawn = skyline(episode, Origins(episode), 2)
    assert drawn.top == 16 + sum(TURNS) + last
    assert [column.page for column in drawn.columns] == [1, 1, 3, 3]
    assert drawn.columns[3].history == pytest.approx(100)
    height = sum(part.size for part in drawn.columns[3].parts)
    assert height == pytest.approx(100 * (16 + TURNS[2] + last) / drawn.top)
    smaller = skyline(episode, Origins(episode), 2, top=2 * drawn.top)
    assert smaller.columns[3].history == pytest.approx(50)
