"""What is kept of the web: used, recorded, replayed; and files that are something else."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import StorageError, ends_run
from mem1.tools.web.cache import Cache, CacheConfig, Mode, NotRecordedError

DAY = 86400.0


def cache(path: Path, mode: Mode, now: float = 0.0, **settings: Any) -> Cache:
    return Cache(CacheConfig(mode=mode, file=str(path), **settings), clock=lambda: now)


def test_what_was_kept_is_found_by_what_was_asked(tmp_path: Path) -> None:
    kept = cache(tmp_path / "a.sqlite", "use")
    assert kept.get("search", {"query": "Peru", "k": 3}) is None
    kept.put("search", {"query": "Peru", "k": 3}, {"x": "é"}, failed=False)
    assert kept.get("search", {"k": 3, "query": "Peru"}) == {"x": "é"}  # in any order
    assert kept.get("search", {"query": "Peru", "k": 4}) is None
    assert kept.get("search", {"query": "Peru", "k": "3"}) is None
    assert kept.get("page", {"query": "Peru", "k": 3}) is None


def test_used_is_what_is_fresh_and_did_not_fail(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    first = cache(path, "use", now=0.0, days=2.0)
    first.put("page", {"url": "a"}, {"v": 1}, failed=False)
    first.put("page", {"url": "b"}, {"v": 1}, failed=True)
    assert first.get("page", {"url": "b"}) is None
    first.close()
    assert cache(path, "use", now=1.9 * DAY, days=2.0).get("page", {"url": "a"}) == {"v": 1}
    late = cache(path, "use", now=2.1 * DAY, days=2.0)
    assert late.get("page", {"url": "a"}) is None
    late.put("page", {"url": "a"}, {"v": 2}, failed=False)
    assert late.get("page", {"url": "a"}) == {"v": 2}


def test_a_recording_keeps_failures_and_the_first_outcome(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "a.sqlite"
    one, other = cache(path, "record"), cache(path, "record")
    assert one.put("page", {"url": "a"}, {"v": 1}, failed=True) == {"v": 1}
    assert other.put("page", {"url": "a"}, {"v": 2}, failed=False) == {"v": 1}  # of another process
    one.close()
    other.close()
    replayed = cache(path, "replay", now=1e9)
    assert replayed.get("page", {"url": "a"}) == {"v": 1}
    with pytest.raises(NotRecordedError, match="does not hold this page") as caught:
        replayed.get("page", {"url": "b"})
    assert not ends_run(caught.value)


def test_a_replay_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    kept = cache(path, "record")
    kept.put("page", {"url": "a"}, {}, failed=False)
    kept.close()
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    replayed = cache(path, "replay")
    replayed.get("page", {"url": "a"})
    with pytest.raises(StorageError):
        replayed.put("page", {"url": "b"}, {}, failed=False)
    replayed.close()
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_recording_is_one_file(tmp_path: Path) -> None:
    kept = cache(tmp_path / "a.sqlite", "record")
    kept.put("page", {"url": "a"}, {}, failed=False)
    kept.close()
    assert [one.name for one in tmp_path.iterdir()] == ["a.sqlite"]


@pytest.mark.parametrize("mode", ["use", "record", "replay"])
@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"SQLite format 3\x00" + bytes(100)])
def test_what_is_no_recording_is_refused_and_left_alone(tmp_path: Path, mode: Mode, content: bytes) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(content)
    with pytest.raises(StorageError):
        cache(path, mode)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["use", "record", "replay"])
def test_somebody_else_s_database_is_refused(tmp_path: Path, mode: Mode) -> None:
    path = tmp_path / "a.sqlite"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE outcomes (key TEXT)")
    with pytest.raises(StorageError, match="no recording"):
        cache(path, mode)


def test_a_missing_recording_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none.sqlite", tmp_path):
        with pytest.raises(StorageError, match="no recording to replay"):
            cache(path, "replay")
    with pytest.raises(StorageError):
        cache(tmp_path, "record")


def test_an_empty_file_is_no_recording_to_replay(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.touch()
    with pytest.raises(StorageError, match="no recording"):
        cache(path, "replay")


def test_a_mode_needs_a_file() -> None:
    for mode in ("use", "record", "replay"):
        with pytest.raises(ValueError, match="needs a file"):
            CacheConfig(mode=mode)
    with pytest.raises(ValueError, match="only be replayed"):
        CacheConfig(mode="record", file="builtin:factbook")
    assert CacheConfig().mode == "off"


def test_a_recording_whose_program_was_killed_is_whole(tmp_path: Path) -> None:
    """What was kept is on disk, in the one file, before anybody goes on."""
    import subprocess
    import sys

    path = tmp_path / "a.sqlite"
    program = (
        "import os, sys; from mem1.tools.web.cache import Cache, CacheConfig\n"
        "kept = Cache(CacheConfig(mode='record', file=sys.argv[1]))\n"
        "for i in range(20): kept.put('page', {'url': i}, {'v': i}, failed=False)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(path)], check=False, timeout=60)
    assert [one.name for one in tmp_path.iterdir()] == ["a.sqlite"]
    replayed = cache(path, "replay")
    assert [replayed.get("page", {"url": i}) for i in range(20)] == [{"v": i} for i in range(20)]
