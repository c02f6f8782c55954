"""The wire format, byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.corpus import parse_contents
from mem1.retrieval.wire import contents_of, search_reply

WIKI = Path(__file__).parents[4] / "shared" / "data" / "qa" / "wiki18_subset.jsonl"
LIMA = Passage(id="7", title="Lima", text="Capital of Peru.\nOn the coast.")
NAMED = Passage(id="8", title='The "Nile"', text="")


def test_a_passage_as_one_corpus_line_has_it() -> None:
    assert contents_of(LIMA) == '"Lima"\nCapital of Peru.\nOn the coast.'
    assert contents_of(NAMED) == '"The ""Nile"""\n'


def test_replies_by_hand() -> None:
    found = [[Hit(passage=LIMA, score=1.5)], []]
    assert search_reply(found, with_scores=False) == (
        b'{"result":[[{"id":"7","contents":"\\"Lima\\"\\nCapital of Peru.\\nOn the coast."}],[]]}'
    )
    assert json.loads(search_reply(found, with_scores=True)) == {
        "result": [[{"document": {"id": "7", "contents": contents_of(LIMA)}, "score": 1.5}], []]
    }
    assert search_reply([], with_scores=True) == b'{"result":[]}'


def test_half_a_surrogate_pair_still_makes_an_answer() -> None:
    broken = Hit(passage=Passage.model_construct(id="1", title="x", text="\ud800"), score=1.0)
    assert json.loads(search_reply([[broken]], with_scores=False))["result"][0][0]["contents"] == '"x"\n\ud800'


@given(st.text().map(lambda title: title.replace("\n", " ").strip()), st.text())
def test_contents_are_read_back(title: str, text: str) -> None:
    assert parse_contents(contents_of(Passage(id="1", title=title, text=text))) == (title, text)


@pytest.mark.skipif(not WIKI.is_file(), reason="the real passages are not beside this checkout")
def test_real_corpus_lines_come_back_as_they_were() -> None:
    with WIKI.open(encoding="utf-8") as file:
        for line in file:
            contents = json.loads(line)["contents"]
            title, text = parse_contents(contents)
            assert contents_of(Passage(id="1", title=title, text=text)) == contents
