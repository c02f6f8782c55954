"""The index is followed while it grows, started over when the file was cut back, and never believed blindly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mem1.storage import episode_index
from mem1.storage.episode_index import IndexReader, index_path
from mem1.storage.episodes import EpisodeWriter, iter_episodes, list_episodes, read_episode, read_episodes
from mem1.types import Episode
from tests.ending import inner, started
from tests.unit.storage.examples import episode

NAMES = ["train.jsonl", "train.jsonl.gz"]


def store(path: Path, *names: str) -> Path:
    with EpisodeWriter(path) as writer:
        for name in names:
            writer.write(episode(name))
    return path


def ids(reader: IndexReader) -> list[str]:
    return [line.id for line in reader.read()]


def count_parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record where whole episodes are parsed from here on."""
    parsed: list[str] = []
    real = episode_index.parse_episode

    def parse(text: bytes, where: str) -> Episode:
        parsed.append(where)
        return real(text, where)

    monkeypatch.setattr(episode_index, "parse_episode", parse)
    return parsed


def test_a_line_holds_the_words_to_search_by_once_each(tmp_path: Path) -> None:
    (line,) = iter_episodes(store(tmp_path / "a.jsonl", "e1"))
    assert line.text == "Capital of Peru?\nLima"  # the accepted and the given answer are the same
    assert (line.composition, line.tokens, line.error) == ("parallel", 7 + 8, None)  # prompts 3 and 4, 4 written each


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_later_is_read_later(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, "e1")
    reader = IndexReader(path)
    assert ids(reader) == ["e1"]
    assert ids(reader) == []
    store(path, "e2", "e3")
    assert reader.stands()
    assert ids(reader) == ["e2", "e3"]


@pytest.mark.parametrize("name", NAMES)
def test_an_episode_whose_index_line_comes_late_is_listed_once(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, "e1", "e2")
    index = index_path(path)
    whole = index.read_bytes()
    index.write_bytes(whole[: whole.index(b"\n") + 1])
    reader = IndexReader(path)
    assert ids(reader) == ["e1", "e2"]
    index.write_bytes(whole)
    store(path, "e3")
    assert ids(reader) == ["e3"]


def test_a_file_that_was_cut_back_no_longer_stands(tmp_path: Path) -> None:
    path = store(tmp_path / "a.jsonl", "e1", "e2")
    reader = IndexReader(path)
    assert ids(reader) == ["e1", "e2"]
    first = next(iter_episodes(path))
    os.truncate(path, first.end)  # as a resumed training does
    assert not reader.stands()
    store(path, "x2", "x3")
    assert not reader.stands()
    assert ids(IndexReader(path)) == ["e1", "x2", "x3"]


def test_a_sound_index_spares_the_episodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store(tmp_path / "a.jsonl.gz", *(f"e{i}" for i in range(50)))
    parsed = count_parsed(monkeypatch)
    assert len(list_episodes(path)) == 50
    assert len(parsed) == 1  # the last one, to see that the index belongs to the file
    parsed.clear()
    store(path)
    assert len(parsed) == 1


def test_a_gap_in_the_index_costs_only_what_follows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store(tmp_path / "a.jsonl", "e1", "e2", "e3", "e4")
    lines = index_path(path).read_bytes().splitlines(keepends=True)
    index_path(path).write_bytes(lines[0] + lines[1] + lines[3])
    parsed = count_parsed(monkeypatch)
    assert [line.id for line in iter_episodes(path)] == ["e1", "e2", "e3", "e4"]
    assert len(parsed) == 3  # e2 as a test of the index, e3 and e4
    store(path)
    assert index_path(path).read_bytes() == b"".join(lines)


def test_zeros_after_a_power_cut_are_a_torn_end_and_other_bytes_are_damage(tmp_path: Path) -> None:
    path = store(tmp_path / "a.jsonl.gz", "e1", "e2")
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert [e.id for e in read_episodes(path)] == ["e1", "e2"]
    store(path, "e3")
    assert [e.id for e in list_episodes(path)] == ["e1", "e2", "e3"]
    assert [e.id for e in read_episodes(path)] == ["e1", "e2", "e3"]


WRITER = """
import sys
from pathlib import Path
from mem1.storage.episodes import EpisodeWriter
from tests.unit.storage.examples import episode
with EpisodeWriter(Path(sys.argv[1])) as writer:
    for number in range(int(sys.argv[2]), 10_000_000):
        writer.write(episode(f"e{number}", turns=20))
        print(number, flush=True)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_writer_loses_at_most_the_episode_it_was_writing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    reported = -1
    for _ in range(3):
        command = [sys.executable, "-c", WRITER, str(path), str(reported + 1)]
        with started(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= reported + 40:
                    break
            time.sleep(0.003)  # somewhere in the middle of things
            os.kill(inner(process), signal.SIGKILL)
            reported = int([line, *process.stdout][-1])
        listed = list_episodes(path)
        # Everything that was said to be written is there, and at most one more that was not said yet.
        assert [one.id for one in listed] == [f"e{k}" for k in range(len(listed))]
        assert reported + 1 <= len(listed) <= reported + 2
        assert read_episode(path, listed[-1]) == episode(listed[-1].id, turns=20)
        reported = len(listed) - 1
    assert [one.id for one in read_episodes(path)] == [one.id for one in list_episodes(path)]


@pytest.mark.parametrize("name", NAMES)
def test_reading_beside_a_writer_sees_whole_episodes_only(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name)
    command = [sys.executable, "-c", WRITER, str(path), "0"]
    with started(command, stdout=subprocess.DEVNULL):
        reader, seen = IndexReader(path), 0
        until = time.monotonic() + 60
        while seen < 200 and time.monotonic() < until:
            assert reader.stands()
            new = list(reader.read())
            assert [line.id for line in new] == [f"e{k}" for k in range(seen, seen + len(new))]
            seen += len(new)
    assert seen >= 200
