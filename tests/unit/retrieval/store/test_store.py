"""The corpus store: the same passages as reading the file, however the build was cut off; never another's."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import DataError, StorageError
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.store import build as store_build
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.fingerprint import confirm, fingerprint
from mem1.retrieval.store.store import OFFSETS, CorpusStore

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "qa" / "wiki18_subset.jsonl"


class Killed(BaseException):
    """Stands for a kill: nothing between it and the operating system may catch it."""


def lines(count: int, *, text: str = "text") -> list[bytes]:
    return [json.dumps({"id": str(i), "contents": f'"T{i}"\n{text} é{i}'}).encode() for i in range(count)]


def write(path: Path, rows: list[bytes]) -> Path:
    data = b"\n".join(rows) + b"\n"
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.fixture(params=["c.jsonl", "c.jsonl.gz"])
def corpus(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write(tmp_path / request.param, lines(10))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_build, "_ROWS", 3)


def test_rows_are_the_files_passages(corpus: Path, tmp_path: Path) -> None:
    store = build_store(corpus, tmp_path / "s")
    assert len(store) == 10
    assert [store[i] for i in range(10)] == list(read_corpus(corpus))
    assert (store[7].title, store[7].text) == ("T7", "text é7")
    assert [p.id for p in store.stream(2, 5)] == ["2", "3", "4"]
    assert [p.id for p in store.stream(8)] == ["8", "9"]
    assert list(store.stream(4, 4)) == []
    for row in (-1, 10):
        with pytest.raises(IndexError, match=f"row {row} of 10"):
            store[row]


def test_blank_lines_a_byte_order_mark_and_a_missing_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    one, two = lines(2)
    path.write_bytes(b"\xef\xbb\xbf" + one + b"\n\n  \r\n" + two)
    store = build_store(path, tmp_path / "s")
    assert [store[i].id for i in range(len(store))] == ["0", "1"]
    assert [p.id for p in store.stream(1)] == ["1"]


def test_lines_survive_whole(tmp_path: Path) -> None:
    """What a service sends is the line, with its further fields, whatever its form."""
    rows: list[dict[str, Any]] = [
        {"id": "0", "contents": '"A ""b"""\nx\ny', "url": "http://a", "n": [1]},
        {"id": 1, "contents": "no quotes\ntext"},
        {"id": "2", "title": "T", "text": "x", "wiki": 7},
        {"id": "3", "contents": ""},
    ]
    store = build_store(write(tmp_path / "c.jsonl", [json.dumps(row).encode() for row in rows]), tmp_path / "s")
    documents = [store[i].document() for i in range(4)]
    assert documents == [rows[0], rows[1], {"id": "2", "contents": '"T"\nx', "wiki": 7}, rows[3]]
    assert (store[0].title, store[0].text, store[0].extra) == ('A "b"', "x\ny", {"url": "http://a", "n": [1]})
    assert store[1].id == "1"


@pytest.mark.parametrize("killed_at", [1, 2, 3])
@pytest.mark.usefixtures("small_steps")
def test_a_killed_build_goes_on(corpus: Path, tmp_path: Path, killed_at: int) -> None:
    whole = build_store(corpus, tmp_path / "whole")
    calls: list[int] = []

    def kill(what: str, done: int, total: int) -> None:
        calls.append(done)
        if len(calls) == killed_at:
            raise Killed

    with pytest.raises(Killed):
        build_store(corpus, tmp_path / "s", report=kill)
    # What a kill between two states leaves behind, torn in the middle.
    with (tmp_path / "s" / OFFSETS).open("ab") as file:
        file.write(b"torn!")
    with pytest.raises(StorageError, match="cut off"):
        build_store(corpus, tmp_path / "s")
    told: list[int] = []
    store = build_store(corpus, tmp_path / "s", resume=True, report=lambda what, done, total: told.append(done))
    assert len(told) == 4 - killed_at  # rows before the kill are not reported again
    for name in (OFFSETS, "store.json"):
        assert (tmp_path / "s" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert [store[i] for i in range(10)] == [whole[i] for i in range(10)]
    assert sorted(p.name for p in store.folder.iterdir()) == sorted(p.name for p in whole.folder.iterdir())


@pytest.mark.usefixtures("small_steps")
def test_a_build_of_another_corpus_is_not_gone_on_with(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", lines(10))

    def kill(what: str, done: int, total: int) -> None:
        raise Killed

    with pytest.raises(Killed):
        build_store(path, tmp_path / "s", report=kill)
    write(path, lines(11))
    with pytest.raises(DataError, match="changed since this build"):
        build_store(path, tmp_path / "s", resume=True)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"{", "not JSON"),
        (b"[1]", "must be an object"),
        (b'{"contents": "x"}', "'id' must be text or a whole number, got None"),
        (b'{"id": "x"}', "'text' must be text"),
        (b'{"id": "x", "contents": 5}', "'contents' must be text, got 5"),
        (b'{"id": true, "contents": "x"}', "'id' must be text"),
        (b"\xff\xfe", "not UTF-8 but UTF-16"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, bad: bytes, message: str) -> None:
    path = write(tmp_path / "c.jsonl", [lines(1)[0], b"", bad])
    with pytest.raises(DataError, match=message) as caught:
        build_store(path, tmp_path / "s")
    assert caught.value.where == f"{path}, line 3"


def test_an_id_used_twice_and_an_empty_corpus(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", [*lines(5), b'{"id": 3, "contents": "x"}'])
    with pytest.raises(DataError, match="id '3' is used twice, first in row 4") as caught:
        build_store(path, tmp_path / "s")
    assert "row 6" in str(caught.value.where)
    with pytest.raises(DataError, match="is empty"):
        build_store(write(tmp_path / "e.jsonl", [b"", b" "]), tmp_path / "e")
    with pytest.raises(DataError, match="cannot read the corpus"):
        build_store(tmp_path / "none.jsonl", tmp_path / "n")


def test_a_changed_corpus_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl", lines(10))
    build_store(path, tmp_path / "s")
    before = path.stat()
    write(path, lines(11))
    with pytest.raises(DataError, match=r"changed since it was indexed: \d+ bytes then, \d+ now"):
        CorpusStore.open(tmp_path / "s", path)
    write(path, lines(10, text="tuxt"))  # of the same size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(DataError, match="first or last MiB differs"):
        CorpusStore.open(tmp_path / "s", path)
    with pytest.raises(DataError, match=r"no corpus store") as caught:
        CorpusStore.open(tmp_path / "none", path)
    assert caught.value.hint == f"build it: mem1 index {path} --out {tmp_path / 'none'}"


def test_a_change_in_the_middle_is_found_by_the_checksum(tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(3 << 20))
    known = fingerprint(path, crc=zlib.crc32(bytes(3 << 20)))
    os.utime(path, ns=(1, 1))
    assert confirm(path, known, hint="build anew").mtime_ns == 1
    data = bytearray(3 << 20)
    data[3 << 19] = 1
    path.write_bytes(data)
    os.utime(path, ns=(0, 0))
    with pytest.raises(DataError, match="checksum differs"):
        confirm(path, known, hint="build anew")


def test_a_corpus_that_was_only_touched_or_moved_is_taken(corpus: Path, tmp_path: Path) -> None:
    build_store(corpus, tmp_path / "s")
    moved = corpus.rename(tmp_path / f"moved{''.join(corpus.suffixes)}")
    os.utime(moved, ns=(5, 5))
    store = CorpusStore.open(tmp_path / "s", moved)
    assert store[3].id == "3"
    assert json.loads((tmp_path / "s" / "store.json").read_text())["source"]["mtime_ns"] == 5
    assert CorpusStore.open(tmp_path / "s")[3].id == "3"  # it remembers where the corpus went


def test_the_inflated_copy_is_enough(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl.gz", lines(10))
    build_store(path, tmp_path / "s")
    path.unlink()
    assert CorpusStore.open(tmp_path / "s")[9].id == "9"


def test_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path / "c.jsonl.gz", lines(1000))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cannot read the corpus"):
        build_store(path, tmp_path / "s")
    plain = write(tmp_path / "c.jsonl", lines(10))
    build_store(plain, tmp_path / "p")
    with (tmp_path / "p" / OFFSETS).open("r+b") as file:
        file.truncate(16)
    with pytest.raises(DataError, match="store is damaged"):
        CorpusStore.open(tmp_path / "p", plain)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_the_published_passages(tmp_path: Path) -> None:
    store = build_store(REAL, tmp_path / "s")
    with REAL.open() as file:
        assert all(store[i].document() == json.loads(line) for i, line in enumerate(file))
    assert list(store.stream(8000)) == list(read_corpus(REAL))[8000:]
