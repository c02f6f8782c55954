"""Corpora in the forms that people have: the index in memory and the one on disk give one answer for each file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.errors import DataError
from mem1.retrieval.base import Passage
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.store import build as store_build
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.page_store import PageStore
from mem1.retrieval.store.store import CorpusStore

CASES = Path(__file__).resolve().parents[4] / "shared" / "cases" / "corpora"


def in_memory(path: Path, folder: Path) -> list[Passage]:
    return list(read_corpus(path))


def on_disk(path: Path, folder: Path) -> list[Passage]:
    store = build_store(path, folder / "index")
    found = [store[row] for row in range(len(store))]
    assert list(store.stream()) == found
    assert [p.id for p in CorpusStore.open(folder / "index", path).stream()] == [p.id for p in found]
    return found


Door = Callable[[Path, Path], list[Passage]]
doors = pytest.mark.parametrize("door", [in_memory, on_disk])


def facts(passages: list[Passage]) -> list[tuple[str, str, str]]:
    return [(p.id, p.title, p.text) for p in passages]


FORMS: dict[str, tuple[dict[str, object], tuple[str, str, str]]] = {
    "BEIR": ({"_id": "7", "title": "Barn", "text": "The red barn", "metadata": {}}, ("7", "Barn", "The red barn")),
    "text only": ({"id": "7", "text": "The red barn"}, ("7", "", "The red barn")),
    "null title": ({"id": "7", "title": None, "text": "The red barn"}, ("7", "", "The red barn")),
    "blank title": ({"id": "7", "title": "", "text": "The red barn"}, ("7", "", "The red barn")),
    "doc_id": ({"doc_id": 7, "contents": '"Barn"\nThe red barn'}, ("7", "Barn", "The red barn")),
    "Tevatron": ({"docid": "7", "title": "Barn", "text": "The red barn"}, ("7", "Barn", "The red barn")),
    "content": ({"id": 7, "title": "Barn", "content": "The red barn"}, ("7", "Barn", "The red barn")),
    "MS MARCO document": ({"docid": "D7", "url": "u", "title": "Barn", "body": "Red"}, ("D7", "Barn", "Red")),
    "MS MARCO passage": ({"pid": "7_1", "docid": "D7", "passage": "Red"}, ("7_1", "", "Red")),
    "MS MARCO segment": ({"docid": "D7#1", "title": "Barn", "segment": "Red"}, ("D7#1", "Barn", "Red")),
    "null contents": ({"id": "7", "contents": None, "text": "Red"}, ("7", "", "Red")),
    "both": ({"id": "7", "contents": "Barn\nRed", "text": "other"}, ("7", "Barn", "Red")),
}


@doors
@pytest.mark.parametrize("name", FORMS)
def test_rows_of_other_corpora_are_read(tmp_path: Path, door: Door, name: str) -> None:
    row, fact = FORMS[name]
    path = tmp_path / "c.jsonl"
    path.write_text(json.dumps(row) + "\n")
    (passage,) = door(path, tmp_path)
    assert (passage.id, passage.title, passage.text) == fact
    document = passage.document()
    assert str(document["id"]) == fact[0]
    assert fact[2] in document["contents"]
    assert ("metadata" in document) == ("metadata" in row)


ROWS = [
    {"id": "0", "title": 'The "red" barn', "text": "Painted\nby Ana"},
    {"id": "1", "title": "Lake", "text": "In\tOslo"},
]
FACTS = [(row["id"], row["title"], row["text"]) for row in ROWS]


def table(delimiter: str) -> bytes:
    cells = ["id,text,title", '0,"Painted\nby Ana","The ""red"" barn"', '1,"In\tOslo",Lake']
    return ("\ufeff" + "\r\n".join(cells) + "\r\n").replace(",", delimiter).encode()


def packed(data: bytes) -> bytes:
    zstandard = pytest.importorskip("zstandard")
    return bytes(zstandard.compress(data))


@doors
@pytest.mark.parametrize(
    "name", ["c.tsv", "c.csv", "c.tsv.gz", "c.tsv.zst", "c.parquet", "c.jsonl.zst", "c.jsonl.gz", "c"]
)
def test_files_of_other_forms_are_read(tmp_path: Path, door: Door, name: str) -> None:
    path = tmp_path / name
    data = "\n".join(json.dumps(row) for row in ROWS).encode()
    if name == "c.parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif ".tsv" in name or ".csv" in name:
        data = table("," if ".csv" in name else "\t")
    if name.endswith(".gz"):
        data = gzip.compress(data)
    if name.endswith(".zst"):
        data = packed(data)
    if name != "c.parquet":
        path.write_bytes(data)
    assert facts(door(path, tmp_path)) == FACTS


@pytest.mark.parametrize("name", ["c.tsv", "c.jsonl.zst"])
def test_a_build_from_another_form_goes_on_where_it_was_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    rows = [{"id": str(i), "title": f"T{i}", "text": f"é{i}"} for i in range(10)]
    path = tmp_path / name
    if name == "c.tsv":
        path.write_text("id\ttitle\ttext\n" + "".join(f"{r['id']}\t{r['title']}\t{r['text']}\n" for r in rows))
    else:
        path.write_bytes(packed("".join(json.dumps(row) + "\n" for row in rows).encode()))
    monkeypatch.setattr(store_build, "_ROWS", 3)

    def killed(doing: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_store(path, tmp_path / "s", report=killed)
    resumed = build_store(path, tmp_path / "s", resume=True)
    whole = build_store(path, tmp_path / "w")
    assert facts(list(resumed.stream())) == [(r["id"], r["title"], r["text"]) for r in rows]
    assert resumed.info.source == whole.info.source


BAD = {
    "carriage returns alone": (b'{"id": "0", "contents": "a"}\r{"id": "1", "contents": "b"}\r', "not JSON: Extra data"),
    "NaN": (b'{"id": "0", "contents": "a", "score": NaN}\n', "score: the number nan is not finite"),
    "too large a number": (b'{"id": "0", "contents": "a", "score": 1e400}\n', "score: the number inf is not finite"),
    "half a pair": (b'{"id": "0", "contents": "a \\ud83d b"}\n', "contents: the text holds half a surrogate pair"),
    "half a pair as bytes": (b'{"id": "0", "contents": "a \xed\xa0\xbd b"}\n', "not UTF-8"),
    "half a pair in an id": (b'{"id": "\\ud83d", "contents": "a"}\n', "id: the text holds half a surrogate pair"),
    "half a pair elsewhere": (b'{"id": "0", "contents": "a", "x": ["\\udfff"]}\n', r"x\[0\]: the text holds half"),
    "deep": (b'{"id": "0", "contents": "a", "x": ' + b"[" * 3000 + b"]" * 3000 + b"}\n", "nested too deeply"),
    "deep objects": (
        b'{"id": "0", "contents": "a", "x": ' + b'{"y":' * 200 + b"1" + b"}" * 201 + b"\n",
        "nested deeper",
    ),
    "Latin-1": (
        '{"id": "0", "contents": "café"}\n'.encode("latin-1"),
        "not UTF-8 but another encoding, most likely Lat",
    ),
    "UTF-16": ('{"id": "0", "contents": "a"}\n'.encode("utf-16"), "not UTF-8 but UTF-16"),
    "a name twice": (b'{"id": "0", "contents": "a", "contents": "b"}\n', "the name 'contents' stands twice"),
    "an id twice": (b'{"_id": "0", "text": "a"}\n{"id": 0, "text": "b"}\n', "the id '0' is used twice"),
    "no id": (b'{"text": "a"}\n', "'id' must be text or a whole number, got None"),
    "an id that is no whole number": (b'{"id": 1.5, "text": "a"}\n', "'id' must be text or a whole number, got 1.5"),
    "a list as text": (b'{"id": "0", "text": ["a"]}\n', "'text' must be text"),
    "a bare list": (b'["0", "a"]\n', "a row must be an object"),
    "an array of all": (b'[{"id": "0", "text": "a"}]\n', "a row must be an object"),
    "nothing": (b"\xef\xbb\xbf\n \n", "the corpus is empty"),
    "ZIP": (b"PK\x03\x04...", "the corpus is a ZIP archive"),
    "damaged zstd": (b"\x28\xb5\x2f\xfd\x00\x00rest", "cannot read the corpus: damaged: zstd"),
}


@doors
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused_alike(tmp_path: Path, door: Door, name: str) -> None:
    data, message = BAD[name]
    path = tmp_path / "c.jsonl"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        door(path, tmp_path)
    assert str(path) in str(caught.value.where)
    if name == "carriage returns alone":
        assert "carriage return" in str(caught.value.hint)


@doors
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\ta\tb\n", "the first row must name the columns"),
        ("id\ttext\ttext\n0\ta\tb\n", "each once"),
        ("id\ttext\n0\ta\tb\n", "3 cells in a table of 2 columns"),
        ("id\ttext\n", "the corpus is empty"),
        ("id\ttext\n0\ta\n0\tb\n", "the id '0' is used twice"),
        ("name\ttext\n0\ta\n", "'id' must be text"),
    ],
)
def test_a_bad_table_is_refused_alike(tmp_path: Path, door: Door, text: str, message: str) -> None:
    (tmp_path / "c.tsv").write_text(text)
    with pytest.raises(DataError, match=message):
        door(tmp_path / "c.tsv", tmp_path)


@doors
def test_line_ends_and_blanks_are_no_matter(tmp_path: Path, door: Door) -> None:
    path = tmp_path / "c.jsonl"
    first = b'\xef\xbb\xbf{"id": "0",\r "contents": "a\\rb\\nc"}\r\n\r\n\t \n'
    path.write_bytes(first + b'{"id": "1", "contents": "\xc2\x85x\xe2\x80\xa8y"}')
    assert facts(door(path, tmp_path)) == [("0", "a\rb", "c"), ("1", "\x85x\u2028y".strip(), "")]


@doors
@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("c_beir.jsonl", [("0", "Barn", "The red barn")]),
        ("c_text_only.jsonl", [("0", "", "The red barn")]),
        ("c_null_title.jsonl", [("0", "", "The red barn")]),
        ("c_docid.jsonl", [("0", "The red barn", "")]),
        (
            "c_ok.parquet",
            [("0", "Barn", "The red barn was painted by Ana."), ("1", "Lake", "The blue lake is in Oslo.")],
        ),
        ("c_ok.tsv", [("1", "Barn", "The red barn")]),
        ("c_ok.jsonl", [("0", "Barn", "The red barn was painted by Ana."), ("1", "Lake", "The blue lake is in Oslo.")]),
        ("c_ok.jsonl.zst", "damaged: zstd"),
        ("c_cr.jsonl", "not JSON"),
        ("c_nan.jsonl", "score: the number nan is not finite"),
        ("c_deep.jsonl", "nested too deeply"),
    ],
)
def test_the_cases_that_failed(
    tmp_path: Path, door: Door, name: str, expected: list[tuple[str, str, str]] | str
) -> None:
    if isinstance(expected, str):
        with pytest.raises(DataError, match=expected):
            door(CASES / name, tmp_path)
    else:
        assert facts(door(CASES / name, tmp_path)) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"url": "u", "text": "\\ud83d"}', "text: the text holds half a surrogate pair"),
        (b'{"url": "u", "text": "a", "x": ' + b"[" * 3000 + b"]" * 3000 + b"}", "nested too deeply"),
        (b'{"url": "u", "text": "caf\xe9"}', "not UTF-8"),
        (b'{"url": "u", "text": "a", "rank": NaN}', "rank: the number nan is not finite"),
        (b'{"url": "u", "text": null}', "texts url and text"),
    ],
)
def test_pages_are_refused_by_the_same_rule(tmp_path: Path, line: bytes, message: str) -> None:
    path = tmp_path / "pages.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"url": "v", "text": "b"}\n' + line + b"\n")
    with pytest.raises(DataError, match=message) as caught:
        PageStore(path)
    assert caught.value.where == f"{path}, line 2"
