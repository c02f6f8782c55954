"""A JSON file that must hold an object and holds something else is told as such, with its place and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.errors import ModelError
from mem1.reading.objects import read_object


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[1]", "f.json holds a list and no object"),
        (b"null", "f.json holds null and no object"),
        (b'"x"', "f.json holds a text and no object"),
        (b"true", "f.json holds true or false and no object"),
        (b"7", "f.json holds a number and no object"),
        (b"{", "f.json is not JSON: "),
        (b"", "f.json is not JSON: "),
        (b"[" * 100_000, "f.json is not JSON: "),
        ("{}".encode("utf-16"), "f.json is no text: not UTF-8"),
        (None, "cannot read f.json: No such file"),
    ],
)
def test_what_is_no_object_is_told_with_its_place(tmp_path: Path, text: bytes | None, said: str) -> None:
    path = tmp_path / "f.json"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(ModelError) as raised:
        read_object(path, ModelError, hint="fetch it again")
    assert raised.value.what.startswith(said)
    assert raised.value.where == str(path)
    assert raised.value.hint == "fetch it again"


def test_an_object_is_read_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    for text in ('{"a": [1]}', '\ufeff{"a": [1]}'):
        (tmp_path / "f.json").write_text(text, encoding="utf-8")
        assert read_object(tmp_path / "f.json", ModelError, hint="") == {"a": [1]}
