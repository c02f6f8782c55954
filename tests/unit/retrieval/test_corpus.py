"""Corpora as published, and retrievers built from them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.config import build
from mem1.errors import ConfigError, DataError
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.config import Bm25Config
from mem1.retrieval.corpus import parse_contents, read_corpus

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "qa" / "wiki18_subset.jsonl"


@pytest.mark.parametrize(
    ("contents", "title", "text"),
    [
        ('"Lima"\nCapital of Peru.\nOn the coast.', "Lima", "Capital of Peru.\nOn the coast."),
        ('"""Emma"" (novel)"\ntext', '"Emma" (novel)', "text"),
        ("Lima\ntext", "Lima", "text"),
        ('"\ntext', '"', "text"),
        ("only a title", "only a title", ""),
        ("", "", ""),
    ],
)
def test_contents(contents: str, title: str, text: str) -> None:
    assert parse_contents(contents) == (title, text)


def test_both_row_formats(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "0", "contents": "\\"Lima\\"\\ntext"}\n{"id": 1, "title": "Quito", "text": "t"}\n')
    assert list(read_corpus(path)) == [
        Passage(id="0", title="Lima", text="text"),
        Passage(id="1", title="Quito", text="t", extra={"id": 1}),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "1", "contents": 5}, "'contents' must be text"),
        ({"id": "1", "title": "x"}, "'text' must be text, got None"),
        ({"id": "1"}, "'text' must be text, got None"),
        ({"id": "1", "title": 5, "text": "x"}, "'title' must be text, got 5"),
        ({"text": "x"}, "'id' must be text or a whole number, got None"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: object, message: str) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "0", "contents": "x"}\n' + json.dumps(row))
    with pytest.raises(DataError, match=message) as caught:
        list(read_corpus(path))
    assert caught.value.where == f"{path}, line 2"


def test_the_config_indexes_a_file_or_what_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"id": "0", "contents": "\\"Lima\\"\\ntext"}')
    config = build(Bm25Config, {"corpus": str(path), "k1": 1.2}, where="test")
    assert [p.id for p in config.build().passages] == ["0"]
    given = Passage(id="9", title="t", text="x")
    assert Bm25Config().build([given]).passages == (given,)
    with pytest.raises(DataError, match="no passage"):
        Bm25Config().build()
    with pytest.raises(ConfigError, match="b:"):
        build(Bm25Config, {"b": 2}, where="test")


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_the_published_passages() -> None:
    found = list(read_corpus(REAL))
    assert len(found) == 8236
    assert found[0].title == "\"Uncle Tom's Cabin\" Contrasted with Buckingham Hall, the Planter's Home"
    assert found[0].text.startswith("as vicious sadists")
