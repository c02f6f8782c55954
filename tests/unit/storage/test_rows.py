"""Users' files: every complaint names the row."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from mem1.errors import DataError
from mem1.storage.rows import Row, read_rows


def rows(path: Path) -> list[Row]:
    return list(read_rows(path, what="the file", hint="write it right"))


def test_plain_gzip_blank_lines_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = '\ufeff{"id": "a"}\n\n{"id": 2, "t": "x"}'.encode()
    (tmp_path / "a.jsonl").write_bytes(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text))
    for name in ("a.jsonl", "a.jsonl.gz"):
        found = rows(tmp_path / name)
        assert [row.id() for row in found] == ["a", "2"]
        assert found[1].text("t") == "x"
        assert found[1].where == f"{tmp_path / name}, line 3"


@pytest.mark.parametrize(
    ("text", "message", "where"),
    [
        ('{"id": "a"}\n{"id"', "not JSON", "line 2"),
        ('{"id": "a"}\n[1]', r"must be an object, got \[1\]", "line 2"),
        ('{"id": "a"}\n\n{"id": "a"}', "used twice, first in line 1", "line 3"),
        ('{"id": true}', "'id' must be", "line 1"),
        ('{"di": "a"}', "'id' must be text or a whole number, got None", "line 1"),
        ("\n", "is empty", "a.jsonl"),
    ],
)
def test_bad_rows(tmp_path: Path, text: str, message: str, where: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        rows(path)
    assert caught.value.where is not None
    assert caught.value.where.endswith(where)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the file is missing"):
        rows(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(DataError, match="cannot read the file"):
        rows(tmp_path / "latin.jsonl")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a"}\n')[:-9])
    with pytest.raises(DataError, match="cannot read the file"):
        rows(tmp_path / "cut.jsonl.gz")


def test_a_field_of_the_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "t": 5}')
    with pytest.raises(DataError, match="'t' must be text, got 5"):
        rows(path)[0].text("t")
