"""One writer at a time, named to whoever comes second, and gone with its process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import StorageError
from mem1.storage.guards.lock import LOCK, check_unlocked, locked
from mem1.storage.json_lines import LineWriter, read_lines
from mem1.storage.run_dir import RunDir
from tests.ending import inner, started

HOLD = """
import sys, time
from pathlib import Path
from mem1.storage.guards.lock import locked
with locked(Path(sys.argv[1]), "mem1 train mine.toml"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(folder: Path) -> Iterator[int]:
    """The process that holds the lock while the block runs, and is killed then."""
    with started([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield inner(process)
        os.kill(inner(process), signal.SIGKILL)
        process.wait(30)


def test_the_second_process_is_told_who_the_first_one_is_and_a_kill_frees_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path / "run") as process:
        with pytest.raises(StorageError) as caught, locked(tmp_path / "run"):
            pass
        told = caught.value.what
        assert f"process {process} on {socket.gethostname()}" in told
        assert "mem1 train mine.toml" in told
        assert "since 20" in told
        assert caught.value.where == str(tmp_path / "run")
    with locked(tmp_path / "run"):  # what the dead process wrote into the file holds nobody up
        assert str(os.getpid()) in (tmp_path / "run" / LOCK).read_text()


def test_a_lock_is_free_when_its_block_ends_however_it_ends(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    with locked(tmp_path), pytest.raises(StorageError, match="another process writes here"), locked(tmp_path):
        pass
    check_unlocked(tmp_path)
    assert (tmp_path / LOCK).read_bytes() == b""


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"pid": 1}', b"\xff\xfe", b"[" * 4000])
def test_a_holder_whose_note_cannot_be_read_still_holds(tmp_path: Path, content: bytes) -> None:
    with locked(tmp_path):
        (tmp_path / LOCK).write_bytes(content)
        with pytest.raises(StorageError, match="has not said its name"):
            check_unlocked(tmp_path)


def test_asking_whether_a_directory_is_locked_makes_nothing(tmp_path: Path) -> None:
    check_unlocked(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_not_written_through_a_link(tmp_path: Path) -> None:
    victim = tmp_path / "precious"
    victim.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / LOCK).symlink_to(victim)
    with pytest.raises(StorageError, match="cannot lock"), locked(tmp_path / "run"):
        pass
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_file_of_lines_has_one_writer(tmp_path: Path, name: str) -> None:
    with LineWriter(tmp_path / name) as first:
        first.write(b"one")
        with pytest.raises(StorageError, match="somebody else is writing"):
            LineWriter(tmp_path / name)
        first.write(b"two")
    with LineWriter(tmp_path / name) as second:
        second.write(b"three")
    assert [line.text for line in read_lines(tmp_path / name)] == [b"one", b"two", b"three"]


def test_a_second_writer_does_not_cut_off_what_the_first_is_writing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with LineWriter(path) as first:
        first.write(b"one")
        with path.open("ab") as half:
            half.write(b"half a li")
        with pytest.raises(StorageError, match="somebody else"):
            LineWriter(path)
        assert path.read_bytes() == b"one\nhalf a li"


def test_two_runs_that_choose_the_same_name_get_two_directories(tmp_path: Path) -> None:
    assert [RunDir.reserve(tmp_path / "runs", "r-1").name for _ in range(3)] == ["r-1", "r-1-2", "r-1-3"]
    assert RunDir.create(tmp_path / "runs", "r-1", Config()).path == tmp_path / "runs" / "r-1"  # it counts as free
