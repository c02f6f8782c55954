"""Of a damaged file all that can be read is kept, and the file itself too."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.storage.episodes import EpisodeWriter, list_episodes, read_episodes
from mem1.storage.guards.salvage import set_damage_aside
from mem1.storage.json_lines import read_lines
from tests.unit.storage.examples import episode

NAMES = ["base.jsonl", "base.jsonl.gz"]


@pytest.fixture(params=NAMES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "episodes" / str(request.param)
    with EpisodeWriter(path) as writer:
        for number in range(4):
            writer.write(episode(f"e{number}"))
    return path


def ids(path: Path) -> list[str]:
    return [one.id for one in read_episodes(path)]


def test_a_whole_file_and_a_torn_one_are_left_alone(path: Path, tmp_path: Path) -> None:
    assert set_damage_aside(path) is None
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert set_damage_aside(path) is None
    assert path.read_bytes() == whole[:-5]
    assert set_damage_aside(tmp_path / "episodes" / "other.jsonl.gz") is None
    assert not (tmp_path / "damaged").exists()


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_one_line_of_rubbish_costs_one_episode(path: Path, tmp_path: Path, broken: int) -> None:
    line = list(read_lines(path))[broken]
    data = bytearray(path.read_bytes())
    data[line.offset : line.offset + line.length - 1] = bytes(line.length - 1)
    path.write_bytes(data)
    aside = set_damage_aside(path)
    assert aside == tmp_path / "damaged" / path.name.replace("base", "base-1")
    assert aside.read_bytes() == data
    assert ids(path) == [f"e{k}" for k in range(4) if k != broken]
    assert [one.id for one in list_episodes(path)] == ids(path)
    assert set_damage_aside(path) is None


def test_each_damaged_file_is_kept(path: Path, tmp_path: Path) -> None:
    for count in (1, 2):
        path.write_bytes(b"\x00rubbish\n" + path.read_bytes())
        assert set_damage_aside(path) is not None
        assert ids(path) == ["e0", "e1", "e2", "e3"]
        assert len(list((tmp_path / "damaged").iterdir())) == count


def test_every_flipped_bit_costs_one_episode_at_most(path: Path) -> None:
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        data = bytearray(whole)
        data[place] ^= 4
        path.write_bytes(data)
        set_damage_aside(path)
        with EpisodeWriter(path):
            pass
        assert len(set(ids(path)) & {"e0", "e1", "e2", "e3"}) >= 3, place
