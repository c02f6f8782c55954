"""Lines survive crashes at any byte, and a full disk."""

from __future__ import annotations

import errno
import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import StorageError
from mem1.storage.json_lines import LineWriter, cut_torn_line, read_lines, read_span

NAMES = ["a.jsonl", "a.jsonl.gz"]
LINES = [b"one", b"", b"three " * 50]


def written(path: Path, lines: list[bytes]) -> Path:
    with LineWriter(path) as writer:
        for line in lines:
            writer.write(line)
    return path


def texts(path: Path) -> list[bytes]:
    return [line.text for line in read_lines(path)]


@pytest.mark.parametrize("name", NAMES)
def test_reopening_appends(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, LINES)
    written(path, [b"four"])
    assert texts(path) == [*LINES, b"four"]


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_on_disk_when_write_returns(tmp_path: Path, name: str) -> None:
    with LineWriter(tmp_path / name) as writer:
        writer.write(b"one")
        assert texts(tmp_path / name) == [b"one"]


@pytest.mark.parametrize("name", NAMES)
def test_every_line_can_be_read_alone(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / name, LINES)
    for line in read_lines(path):
        assert read_span(path, line.offset, line.length) == line.text + b"\n"


def test_a_compressed_file_is_an_ordinary_gzip_file(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", LINES)
    assert gzip.decompress(path.read_bytes()).split(b"\n")[:-1] == LINES


def test_one_foreign_gzip_member_with_many_lines_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"one\ntwo\n"))
    assert texts(path) == [b"one", b"two"]


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 400), name=st.sampled_from(NAMES))
def test_after_a_crash_at_any_byte_whole_lines_remain_and_writing_goes_on(cut: int, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder) / name, LINES)
        ends = [line.offset + line.length for line in read_lines(path)]
        with path.open("r+b") as file:
            file.truncate(min(cut, ends[-1]))
        whole = LINES[: sum(end <= cut for end in ends)]
        assert texts(path) == whole
        written(path, [b"after"])
        assert texts(path) == [*whole, b"after"]


def test_cutting_tells_how_much_went(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"one\ntw")
    assert cut_torn_line(path) == 2
    assert cut_torn_line(path) == 0
    assert path.read_bytes() == b"one\n"


def test_damage_inside_a_compressed_file_is_an_error_not_a_short_read(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl.gz", [b"x" * 200, b"two"])
    data = bytearray(path.read_bytes())
    data[0] = 0
    path.write_bytes(data)
    with pytest.raises(StorageError, match="damaged"):
        texts(path)


class HalfFull:
    """A file that takes half of what it is given, and then no more."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.full = False

    def write(self, data: memoryview) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.full = True
        return int(self.file.write(data[: len(data) // 2]))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("name", NAMES)
def test_a_line_that_fits_only_in_part_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    path = tmp_path / name
    with LineWriter(path) as writer:
        writer.write(b"one")
        size = path.stat().st_size
        with monkeypatch.context() as patch:
            patch.setattr(writer, "_file", HalfFull(writer._file))
            with pytest.raises(StorageError, match="No space left"):
                writer.write(b"two, a long line")
        assert path.stat().st_size == size
        writer.write(b"three")
    assert texts(path) == [b"one", b"three"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_device(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.symlink_to("/dev/full")
    with LineWriter(path) as writer, pytest.raises(StorageError) as caught:
        writer.write(b"one")
    assert caught.value.hint is not None
    assert "free some space" in caught.value.hint
    assert caught.value.where == str(path)


def test_a_directory_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(StorageError, match="cannot open"):
        LineWriter(tmp_path / "a.jsonl")
