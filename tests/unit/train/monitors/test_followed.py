"""Monitors get the numbers and texts of a run, and cannot cost it anything."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import Mem1Error
from mem1.recipe import Recipe
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig
from mem1.train.monitors.followed import Monitors
from mem1.types import Episode
from tests.unit.train.episodes import episode, turn


class Told:
    """Remembers what it was told; fails from step ``breaks`` on."""

    def __init__(self, breaks: int) -> None:
        self.breaks = breaks
        self.scalars_of: dict[int, dict[str, float]] = {}
        self.texts: dict[int, str] = {}
        self.closed = False

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        if step >= self.breaks:
            raise OSError("the network is gone")
        self.scalars_of[step] = dict(values)

    def text(self, step: int, name: str, text: str) -> None:
        self.texts[step] = f"{name}: {text}"

    def close(self) -> None:
        self.closed = True


class ToldConfig(MonitorConfig):
    """Opens ``Told``."""

    type: str = "told"
    breaks: int = 100

    def build(self, run: RunDir, *, start: int) -> Monitor:
        opened[self.type] = Told(self.breaks)
        return opened[self.type]


opened: dict[str, Told] = {}


def an_episode() -> Episode:
    return episode("e", [turn(0, (1, 2), (3,), prefix=1)])


def run_at(path: Path) -> RunDir:
    return RunDir.create(path, "run", Recipe())


def test_a_list_is_one_number_a_turn_and_every_tenth_step_shows_an_episode(tmp_path: Path) -> None:
    monitors = Monitors([ToldConfig()], run_at(tmp_path), start=0, say=lambda text: None)
    for step in (1, 10):
        monitors.step(step, {"reward/mean": 0.5, "policy/ratio_by_turn": [1.0, None, 0.25]}, an_episode())
    told = opened["told"]
    assert told.scalars_of[1] == {"reward/mean": 0.5, "policy/ratio_by_turn/00": 1.0, "policy/ratio_by_turn/02": 0.25}
    assert list(told.texts) == [10]
    assert "--- turn 1" in told.texts[10]
    monitors.close()
    assert told.closed


def test_a_monitor_that_fails_is_said_once_and_the_others_go_on(tmp_path: Path) -> None:
    said: list[str] = []
    wanted = [ToldConfig(type="breaks", breaks=2), ToldConfig(type="holds")]
    monitors = Monitors(wanted, run_at(tmp_path), start=0, say=said.append)
    for step in (1, 2, 3):
        monitors.step(step, {"x": float(step)})
    assert list(opened["breaks"].scalars_of) == [1]
    assert list(opened["holds"].scalars_of) == [1, 2, 3]
    assert said == ["the monitor breaks failed, the run goes on without it: OSError: the network is gone"]


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
def test_a_monitor_whose_package_is_absent_is_refused_with_its_extra(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    wanted = Recipe.model_validate({"monitors": [name]}).monitors
    with pytest.raises(Mem1Error, match=f"the monitor '{name}' needs the package") as raised:
        Monitors(wanted, run_at(tmp_path), start=0, say=lambda text: None)
    assert "pip install" in str(raised.value.hint)


def test_tensorboard_holds_scalars_the_configuration_and_texts(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = run_at(tmp_path)
    monitors = Monitors(Recipe.model_validate({"monitors": ["tensorboard"]}).monitors, run, start=0, say=print)
    monitors.step(10, {"reward/mean": 0.5}, an_episode())
    monitors.close()
    found: Any = EventAccumulator(str(run.tensorboard))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("reward/mean")] == [(10, 0.5)]
    texts = {tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode() for tag in found.Tags()["tensors"]}
    assert '"tasks_per_step": 8' in texts["configuration/text_summary"]
    assert "--- turn 1" in texts["episode/text_summary"]


def test_wandb_keeps_a_run_offline(tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    run = run_at(tmp_path)
    wanted = Recipe.model_validate({"monitors": [{"type": "wandb", "mode": "offline"}]}).monitors
    said: list[str] = []
    monitors = Monitors(wanted, run, start=0, say=said.append)
    monitors.step(10, {"reward/mean": 0.5}, an_episode())
    monitors.close()
    assert said == []
    assert list(run.path.glob("wandb/offline-run-*/*.wandb"))


def test_trackio_keeps_a_run_on_this_machine_goes_on_with_it_and_prints_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))  # read when the package is imported
    pytest.importorskip("trackio")
    wanted, run, said = Recipe.model_validate({"monitors": ["trackio"]}).monitors, run_at(tmp_path), list[str]()
    for start, step in ((0, 2), (2, 10)):
        monitors = Monitors(wanted, run, start=start, say=said.append)
        monitors.step(step, {"reward/mean": step / 10}, an_episode())
        monitors.close()
    assert said == []
    assert capsys.readouterr().out == ""
    (database,) = (tmp_path / "trackio").glob("mem1*.db")
    with closing(sqlite3.connect(database)) as opened:
        rows = [(name, step, json.loads(values)) for name, step, values in opened.execute(
            "SELECT run_name, step, metrics FROM metrics ORDER BY step, id"
        )]  # fmt: skip
        (configuration,) = opened.execute("SELECT config FROM configs").fetchone()
    assert [(name, step) for name, step, _ in rows] == [("run", 2), ("run", 10), ("run", 10)]
    assert [values for _, _, values in rows][:2] == [{"reward/mean": 0.2}, {"reward/mean": 1.0}]
    assert "--- turn 1" in rows[2][2]["episode"]
    assert json.loads(configuration)["train"]["tasks_per_step"] == 8


def test_monitors_are_named_short_or_as_sections() -> None:
    short = Recipe.model_validate({"monitors": ["tensorboard", {"type": "wandb", "project": "mine"}]})
    assert [one.type for one in short.monitors] == ["tensorboard", "wandb"]
    assert Recipe.model_validate(short.model_dump(mode="json")) == short
