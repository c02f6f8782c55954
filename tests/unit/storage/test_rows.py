"""Users' files: every complaint names the row."""

from __future__ import annotations

import gzip
import os
import threading
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
    with pytest.raises(DataError, match="not UTF-8 but another encoding, most likely Latin-1") as caught:
        rows(tmp_path / "latin.jsonl")
    assert caught.value.where == f"{tmp_path / 'latin.jsonl'}, line 1"
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a"}\n')[:-9])
    with pytest.raises(DataError, match="cannot read the file"):
        rows(tmp_path / "cut.jsonl.gz")


def test_a_field_of_the_wrong_type(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"id": "a", "t": 5}')
    with pytest.raises(DataError, match="'t' must be text, got 5"):
        rows(path)[0].text("t")


# ---------------------------------------------------------------- what cannot be kept is refused at the door


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (r'"\ud83d"', "v: the text holds half a surrogate pair"),
        (r'"ok \udc00 then"', "half a surrogate pair"),
        (r'{"inner": ["x", "\ud800"]}', r"v.inner\[1\]: the text holds half a surrogate pair"),
        (r'{"\udfff": 1}', "v: an object's names must be well-formed"),
        ("NaN", "v: the number nan is not finite"),
        ("[1, -Infinity]", r"v\[1\]: the number -inf is not finite"),
        ("1e999", "v: the number inf is not finite"),
        ("[" * 3000 + "]" * 3000, "nested too deeply"),
        ("[" * 101 + "]" * 101, "nested deeper than 100 levels"),
        ('{"a":' * 150 + "1" + "}" * 150, "nested deeper than 100 levels"),
        ('{"a": 1, "a": 2}', "the name 'a' stands twice in one object"),
        ("1" * 5000, "not JSON"),
    ],
)
def test_what_could_not_be_read_back_is_refused_with_its_line(tmp_path: Path, value: str, message: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(f'{{"id": "a"}}\n{{"id": "b", "v": {value}}}\n')
    with pytest.raises(DataError, match=message) as caught:
        rows(path)
    assert caught.value.where == f"{path}, line 2"


def test_what_json_can_hold_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": "a", "v": [' + "[" * 90 + "]" * 90 + r', "\ud83d\ude00", 1e308, 123456789012345678901234567890, null]}'
    )
    (row,) = rows(path)
    assert row.values["v"][1:] == ["😀", 1e308, 123456789012345678901234567890, None]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"id": "é"}\n'.encode("utf-16"), "not UTF-8 but UTF-16"),
        ('{"id": "a"}\n'.encode("utf-16-le"), "not UTF-8 but UTF-16 or binary|not JSON"),
        (b'{"id": "a\xed\xa0\x80"}\n', "not UTF-8"),
        (b'{"id": "a"}\r{"id": "b"}\r', "not JSON: Extra data"),
        (b"PK\x03\x04rest", "the file is a ZIP archive"),
        (b"BZh91AY", "the file is packed with bzip2"),
        (b"\xfd7zXZ\x00..", "the file is packed with xz"),
        (b"\x28\xb5\x2f\xfd\x00\x00rest", "cannot read the file"),
    ],
)
def test_another_encoding_or_packing_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        rows(tmp_path / "a.jsonl")
    assert "carriage return" in str(caught.value.hint) or "\r" not in data.decode("latin-1") or "UTF" in message


def test_files_are_unpacked_by_what_they_are_and_not_by_their_names(tmp_path: Path) -> None:
    zstandard = pytest.importorskip("zstandard")
    text = '\ufeff{"id": "a"}\r\n{"id": "b"}\n'.encode()
    two = zstandard.compress(text[:9]) + zstandard.compress(text[9:])
    for name, data in {
        "a.gz": text,
        "b.jsonl": gzip.compress(text),
        "c.zst": zstandard.compress(text),
        "d": two,
    }.items():
        (tmp_path / name).write_bytes(data)
        assert [row.id() for row in rows(tmp_path / name)] == ["a", "b"], name
    (tmp_path / "cut.zst").write_bytes(zstandard.compress(text * 1000)[:-3])
    with pytest.raises(DataError, match="cannot read the file"):
        rows(tmp_path / "cut.zst")


def test_a_pipe_is_read_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(gzip.compress(b'{"id": "a"}\n')))
    writer.start()
    assert [row.id() for row in rows(pipe)] == ["a"]
    writer.join()
