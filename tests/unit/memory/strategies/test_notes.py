"""What is noted, linked and shown again."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.imports import imports
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.notes import NotesMemory, NotesMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.types import Observation
from tests.unit.memory.asks import Asked
from tests.unit.memory.test_strategies import complete

TOKENIZER = CharTokenizer()
BUDGETS = Budgets(state=60, action=40, observation=80)


def make(**settings: Any) -> NotesMemory:
    """A memory of notes that has been told to do P."""
    config = NotesMemoryConfig.model_validate({"budgets": BUDGETS, "notes": 400, "note": 60} | settings)
    memory = config.build()(TOKENIZER)
    assert isinstance(memory, NotesMemory)
    memory.start("P", None)
    return memory


def turn(memory: NotesMemory, query: str, back: str, asked: Asked) -> str:
    """A whole turn; the context it began with."""
    asyncio.run(memory.prepare(asked))
    seen = TOKENIZER.decode(memory.context())
    memory.read(complete(memory, f"<think>-</think><search>{query}</search>"))
    memory.observe(Observation(head=back))
    return seen


def test_a_model_writes_a_note_with_keywords_after_each_turn() -> None:
    memory = make(instruction="Note it.")
    asked = Asked(TOKENIZER, " Lima is the\ncapital of Peru. Keywords: Lima,  Peru </note> and more")
    assert turn(memory, "Peru", "Lima", asked) == "P"
    assert turn(memory, "Chile", "Santiago", asked) == (
        "P<notes>- Lima is the capital of Peru.</notes><information>Lima</information>"
    )
    (note,) = memory.notes
    assert (note.text, note.keywords, note.links) == ("Lima is the capital of Peru.", "Lima, Peru", [])
    assert asked.prompts == ["P<think>-</think><search>Peru</search><information>Lima</information>\nNote it.\n<note>"]
    assert (asked.calls[0].purpose, asked.calls[0].prefix_length) == ("note", 1)


def test_a_note_may_be_the_turn_itself() -> None:
    memory = make(write="turn", note=12)
    asked = Asked(TOKENIZER, "never asked")
    turn(memory, "Peru", "Lima is the capital", asked)
    turn(memory, "Chile", "Santiago", asked)
    assert asked.calls == []
    assert [note.text for note in memory.notes] == ["- Peru Lima "]  # twelve tokens of it


def test_the_newest_note_comes_first_then_what_fits_the_moment_then_what_is_linked() -> None:
    memory = make(write="turn", top_k=1, links=1)
    asked = Asked(TOKENIZER, "never asked")
    turn(memory, "river Nile", "north", asked)  # 0
    turn(memory, "river delta", "Egypt", asked)  # 1, linked to 0 by "river"
    turn(memory, "capital", "Lima", asked)  # 2
    shown = turn(memory, "delta of the Amazon", "Brazil", asked)  # 3: at its beginning 2 is the newest note
    assert shown == "P<notes>- - capital Lima</notes><information>Lima</information>"
    shown = turn(memory, "end", "nothing", asked)
    assert [note.links for note in memory.notes] == [[1], [0, 3], [], [1]]
    assert shown == (
        "P<notes>- - delta of the Amazon Brazil\n- - river delta Egypt\n- - river Nile north</notes>"
        "<information>Brazil</information>"
    )


def test_notes_are_shown_whole_or_not_at_all() -> None:
    memory = make(write="turn", notes=len(TOKENIZER.encode("<notes>- - word b\n- - word a</notes>")) - 1)
    asked = Asked(TOKENIZER, "never asked")
    for letter in "ab":
        turn(memory, "word", letter, asked)
    assert "<notes>- - word b</notes>" in turn(memory, "word", "c", asked)


def test_the_first_observation_is_noted_as_it_stands() -> None:
    memory = make(write="turn")
    memory.start("P", Observation(head="Question: the capital of Peru?"))
    asked = Asked(TOKENIZER, "never asked")
    assert turn(memory, "x", "y", asked) == "P<information>Question: the capital of Peru?</information>"
    assert [note.text for note in memory.notes] == ["Question: the capital of Peru?"]


def test_by_embedding_notes_need_no_common_word() -> None:
    asked = Asked(TOKENIZER, "never asked")
    seen = []
    for embedder in (None, "tests.unit.memory.asks:letters"):
        with imports(True):
            memory = make(write="turn", top_k=1, embedder=embedder)
        for query in ("aaa", "ccc", "ddd", "aa"):
            turn(memory, query, "", asked)
        seen.append(turn(memory, "x", "", asked))
    assert seen == [
        "P<notes>- - aa</notes><information></information>",
        "P<notes>- - aa\n- - aaa</notes><information></information>",
    ]


@pytest.mark.parametrize("path", ["no.such:thing", "tests.unit.memory.asks:missing", "nonsense", ":"])
def test_an_embedder_that_is_not_there_is_an_error(path: str) -> None:
    with imports(True):
        config = NotesMemoryConfig(embedder=path)
    with pytest.raises(ConfigError, match=r"memory\.embedder"):
        config.build()


def test_an_embedder_is_code_that_a_recipe_may_not_name_unless_its_reader_says_so() -> None:
    with pytest.raises(ConfigError, match=r"^embedder: 'os:system' names code.*--allow-imports"):
        build(NotesMemoryConfig, {"embedder": "os:system"}, where="test")
