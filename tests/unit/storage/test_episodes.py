"""Episodes come back as they were, and the index never lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.storage.episodes import EpisodeWriter, index_path, list_episodes, read_episode, read_episodes
from mem1.storage.json_lines import LineWriter
from mem1.types import StopReason
from tests.unit.storage.examples import episode

NAMES = ["train.jsonl", "train.jsonl.gz"]


def store(path: Path, *names: str) -> Path:
    with EpisodeWriter(path) as writer:
        for name in names:
            writer.write(episode(name))
    return path


@pytest.mark.parametrize("name", NAMES)
def test_round_trip_is_exact(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, "e1", "e2")
    store(path, "e3")
    assert list(read_episodes(path)) == [episode("e1"), episode("e2"), episode("e3")]


@pytest.mark.parametrize("name", NAMES)
def test_the_index_shows_the_figures_and_finds_the_episode(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, "e1", "e2")
    entries = list_episodes(path)
    second = entries[1]
    assert [entry.id for entry in entries] == ["e1", "e2"]
    assert (second.turns, second.objectives, second.met, second.reward) == (2, 1, 1.0, 1.0)
    assert second.stop is StopReason.ANSWERED
    assert (second.peak, second.peak_without_prompt) == (8, 6)  # prompt 4 + completion 4, less prefix 2
    assert read_episode(path, second) == episode("e2")


@pytest.mark.parametrize("name", NAMES)
def test_a_torn_last_episode_is_passed_over_and_overwritten(tmp_path: Path, name: str) -> None:
    path = store(tmp_path / name, "e1", "e2")
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 5)
    assert [e.id for e in read_episodes(path)] == ["e1"]
    assert [e.id for e in list_episodes(path)] == ["e1"]
    store(path, "e3")
    assert [e.id for e in read_episodes(path)] == ["e1", "e3"]
    assert [e.id for e in list_episodes(path)] == ["e1", "e3"]
    assert len(index_path(path).read_text().splitlines()) == 2


@pytest.mark.parametrize("harm", ["missing", "short", "torn", "nonsense"])
def test_a_harmed_index_is_made_good(tmp_path: Path, harm: str) -> None:
    path = store(tmp_path / "a.jsonl", "e1", "e2")
    index = index_path(path)
    whole = index.read_bytes()
    first = whole.index(b"\n") + 1
    if harm == "missing":
        index.unlink()
    else:
        index.write_bytes({"short": whole[:first], "torn": whole[:-4], "nonsense": b"{}\n"}[harm])
    assert [e.id for e in list_episodes(path)] == ["e1", "e2"]
    store(path)
    assert index.read_bytes() == whole


def test_an_index_of_another_file_is_not_believed(tmp_path: Path) -> None:
    path = store(tmp_path / "a.jsonl", "e1", "e2")
    other = store(tmp_path / "b.jsonl", "x1", "x2")
    path.write_bytes(other.read_bytes())
    assert [e.id for e in list_episodes(path)] == ["x1", "x2"]


def test_a_failing_index_does_not_lose_the_episode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"

    def fail(text: bytes) -> None:
        raise StorageError("full")

    with EpisodeWriter(path) as writer:
        monkeypatch.setattr(writer._index, "write", fail)
        writer.write(episode("e1"))
    assert [e.id for e in list_episodes(path)] == ["e1"]


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = store(tmp_path / "a.jsonl", "e1")
    with LineWriter(path) as lines:
        lines.write(b'{"id": "e2"}')
    with pytest.raises(StorageError) as caught:
        list(read_episodes(path))
    assert caught.value.where == f"{path}, line 2"
    assert "group_id" in caught.value.what


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        list(read_episodes(tmp_path / "a.jsonl"))
