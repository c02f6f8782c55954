"""Numbers stand only while the episodes that they were made of are on the disk as they were."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import StorageError
from mem1.evaluation.intact import damaged_cells, without
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation
from mem1.report.against import against
from mem1.report.build import build_report
from mem1.report.data import read_run
from mem1.report.viewer.pages import Viewer
from mem1.storage.episodes import EpisodeWriter, index_path, list_episodes, read_episodes
from mem1.storage.json_lines import LineWriter, read_lines
from mem1.storage.run_dir import RunDir
from tests.unit.evaluation.test_evaluate import ONE, TWO, answer_all, go


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", Config())


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def remove_with_index(path: Path) -> None:
    path.unlink()
    index_path(path).unlink()


def zero_the_middle(path: Path) -> None:
    """What a power cut or a bad disk leaves: the length is right, the content is not."""
    third = list(read_lines(path))[2]
    data = bytearray(path.read_bytes())
    data[third.offset : third.offset + third.length] = bytes(third.length)
    path.write_bytes(data)


def flip_a_bit(path: Path) -> None:
    third = list(read_lines(path))[2]
    data = bytearray(path.read_bytes())
    data[third.offset + third.length // 2] ^= 1
    path.write_bytes(data)


def cut_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def change_one(path: Path) -> None:
    """Still an episode, but not the one that was evaluated."""
    lines = [line.text for line in read_lines(path)]
    values = json.loads(lines[2])
    values["answers"][0] = "something else"
    lines[2] = json.dumps(values).encode()
    path.unlink()
    index_path(path).unlink()
    with LineWriter(path) as writer:
        for line in lines:
            writer.write(line)


def put_another_in_its_place(path: Path) -> None:
    """The last of two with one id counts; this one was never evaluated."""
    first = next(iter(read_episodes(path)))
    with EpisodeWriter(path) as writer:
        writer.write(first.model_copy(update={"seconds": 1e9}))


def flip_a_bit_without_an_index(path: Path) -> None:
    flip_a_bit(path)
    index_path(path).unlink()


HARM = [
    flip_a_bit_without_an_index,
    empty,
    remove,
    remove_with_index,
    zero_the_middle,
    flip_a_bit,
    cut_the_end,
    change_one,
    put_another_in_its_place,
]


def test_a_whole_evaluation_has_no_damage_and_keeps_a_digest_of_each_episode(run: RunDir) -> None:
    evaluation = go(run)
    assert sorted(id for cell in evaluation.cells for id in cell.stored) == sorted(
        entry.id for entry in list_episodes(run.episodes("base"))
    )
    assert damaged_cells(run, evaluation) == []
    assert read_run(run.path).damage == ()


@pytest.mark.parametrize("harm", HARM)
def test_damage_is_told_and_the_numbers_are_not_shown(run: RunDir, harm: Callable[[Path], None]) -> None:
    whole = go(run)
    harm(run.episodes("base"))
    damaged = damaged_cells(run, whole)
    assert damaged
    data = read_run(run.path)
    assert len([line for line in data.damage if line.startswith("evaluation base: ")]) == len(damaged)
    assert data.last is not None
    assert not data.last.complete
    gone = {(one.cell.strategy, one.cell.key) for one in damaged}
    assert {(cell.strategy, cell.key) for cell in data.last.cells} == {
        (cell.strategy, cell.key) for cell in whole.cells
    } - gone
    paths = build_report(run.path)
    assert paths.damage == data.damage
    assert json.loads(paths.json.read_bytes())["damage"] == list(data.damage)
    assert "Left out, damaged:" in paths.html.read_text()
    assert "Left out, damaged:" in paths.markdown.read_text()
    assert "have lost episodes" in Viewer(run).index({})
    with pytest.raises(StorageError, match="the run is damaged"):
        against(run.path, run.path)


@pytest.mark.parametrize("harm", HARM)
def test_resuming_a_damaged_evaluation_restores_its_numbers(run: RunDir, harm: Callable[[Path], None]) -> None:
    whole = go(run)
    harm(run.episodes("base"))
    asked: list[str] = []

    def count(session: str, context: str) -> str:
        asked.append(session)
        return answer_all(session, context)

    again = go(run, count, resume=True)
    assert again.complete
    assert damaged_cells(run, again) == []
    assert read_run(run.path).damage == ()
    assert [cell.values[Measure.EM] for cell in again.cells] == [cell.values[Measure.EM] for cell in whole.cells]
    if harm in (zero_the_middle, flip_a_bit, cut_the_end, flip_a_bit_without_an_index):
        assert len(set(asked)) == 1, "only the lost episode is run anew"


def test_an_undamaged_evaluation_is_resumed_without_running_anything(run: RunDir) -> None:
    whole = go(run)

    def never(session: str, context: str) -> str:
        raise AssertionError(session)

    assert go(run, never, resume=True) == whole


def test_a_cell_from_before_digests_were_kept_stands(run: RunDir) -> None:
    whole = go(run)
    old = whole.model_copy(update={"cells": tuple(c.model_copy(update={"stored": {}}) for c in whole.cells)})
    run.write_evaluation("base", old)
    text = run.evaluation("base").read_text().replace('"stored": {}', '"errors": {}')
    assert Evaluation.model_validate_json(text) == old
    empty(run.episodes("base"))
    assert damaged_cells(run, old) == []


def test_leaving_cells_out_leaves_out_what_was_made_with_them(run: RunDir) -> None:
    whole = go(run)
    lost = whole.cell("full", ONE)
    assert lost is not None
    rest = without(whole, [lost])
    assert [(cell.strategy, cell.key) for cell in rest.cells] == [("state", ONE), ("full", TWO), ("state", TWO)]
    assert {one.objectives for one in rest.comparisons} == {2}
    assert {one.objectives for one in rest.verdicts} == {2}
    assert without(whole, []) == whole


def test_the_record_is_written_after_its_episodes_are_on_the_disk(run: RunDir, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []

    def told(kind: type, name: str) -> None:
        real = getattr(kind, name)

        def method(self: object, *arguments: object) -> object:
            events.append(name)
            return real(self, *arguments)

        monkeypatch.setattr(kind, name, method)

    told(EpisodeWriter, "sync")
    told(EpisodeWriter, "write")
    told(RunDir, "write_evaluation")
    go(run)
    assert events.count("write_evaluation") >= 5
    for place, event in enumerate(events):
        if event == "write_evaluation":
            assert events[place - 1] == "sync"
