"""The list of runs below a folder: what it says of each, that it is read once, and that nothing in it can break it."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.report.listing.index import RunsIndex
from mem1.report.listing.reading import logged_seconds, settings_of, summary_of
from mem1.report.listing.summary import RunSummary, Status
from mem1.storage.atomic import write_json
from mem1.storage.guards.lock import locked
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import SyntheticConfig, make_run


def one(folder: Path) -> RunSummary:
    (found,) = RunsIndex(folder).runs()
    return found


def trained(root: Path, name: str, steps: int, planned: int, **config: object) -> RunDir:
    """A run of ``steps`` steps of half a second, whose configuration asks for ``planned``."""
    run = RunDir.create(root, name, SyntheticConfig())
    known = {"name": name, "seed": 3, "model": "builtin:tiny", "memory": {"type": "state"}}
    write_json(run.config_json, known | {"train": {"steps": planned}} | config)
    with MetricsWriter(run.metrics) as writer:
        writer.write(0, {"evaluation/em": 0.25})
        for step in range(1, steps + 1):
            writer.write(step, {"reward/mean": 1.0, "quality/em": 0.9, "seconds/step": 0.5})
    return run


def test_an_evaluated_run_says_its_score_at_the_longest_horizon(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    found = one(tmp_path)
    assert (found.name, found.status, found.problems) == ("synthetic", Status.FINISHED, ())
    assert (found.model, found.steps, found.horizon, found.failed) == ("builtin:tiny", 120, 40, 2)
    assert [(e.label, e.version, e.complete) for e in found.evaluations] == [
        ("warm_start", 0, True), ("trained", 120, True),
    ]  # fmt: skip
    assert found.episodes == sum(
        len(gzip.decompress(path.read_bytes()).splitlines()) for path in run.episode_files().values()
    )
    score = found.score
    assert score is not None
    assert (score.measure, score.source, score.strategy, score.objectives) == (
        "em_per_objective", "evaluation", "state", 32,
    )  # fmt: skip
    stored = json.loads(run.evaluation("trained").read_text())["cells"]
    (cell,) = [c for c in stored if c["strategy"] == "state" and c["objectives"] == 32]
    assert score.metric.model_dump() == cell["metrics"]["em_per_objective"]


def test_a_training_run_says_how_far_it_came_and_what_it_took(tmp_path: Path) -> None:
    trained(tmp_path, "half", 4, 10)
    found = one(tmp_path)
    assert (found.status, found.steps, found.planned, found.seconds) == (Status.STOPPED, 4, 10, 2.0)
    assert (found.recipe, found.model, found.seed, found.strategy) == ("half", "builtin:tiny", 3, "state")
    assert found.score is not None
    assert (found.score.source, found.score.metric.mean) == ("watched", 0.25)  # held-out tasks before sampled ones


def test_a_run_is_finished_when_it_did_what_its_configuration_asks(tmp_path: Path) -> None:
    trained(tmp_path, "whole", 10, 10)
    assert one(tmp_path).status is Status.FINISHED


def test_a_run_that_somebody_writes_is_running_and_a_killed_one_is_not(tmp_path: Path) -> None:
    run = trained(tmp_path, "half", 4, 10)
    index = RunsIndex(tmp_path)
    with locked(run.path):
        assert index.runs()[0].status is Status.RUNNING
        left = (run.path / ".lock").read_bytes()
    assert index.runs()[0].status is Status.STOPPED
    (run.path / ".lock").write_bytes(left)  # what a kill leaves behind
    assert index.runs()[0].status is Status.STOPPED


def test_looking_for_a_writer_is_in_no_writers_way(tmp_path: Path) -> None:
    run = trained(tmp_path, "half", 4, 10)
    index = RunsIndex(tmp_path)
    for _ in range(3):
        index.runs()
        with locked(run.path):
            index.runs()


def test_an_evaluation_that_is_not_complete_was_stopped(tmp_path: Path) -> None:
    run = make_run(tmp_path, trained=False, tasks=2)
    path = run.evaluation("warm_start")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"complete": False}))
    assert one(tmp_path).status is Status.STOPPED


def test_a_run_in_which_nothing_was_recorded_is_empty(tmp_path: Path) -> None:
    RunDir.create(tmp_path, "new", SyntheticConfig())
    found = one(tmp_path)
    assert (found.status, found.score, found.steps, found.seconds) == (Status.EMPTY, None, None, None)


def test_runs_of_the_same_settings_differ_in_name_seed_and_place_only(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 1)):
        trained(tmp_path, name, 1, 1, seed=seed)
    trained(tmp_path, "c", 1, 1, memory={"type": "full"})
    by_name = {found.name: found.settings for found in RunsIndex(tmp_path).runs()}
    assert by_name["a"] == by_name["b"] != by_name["c"]
    assert settings_of({"name": "a", "seed": 1}) is None


def test_runs_are_found_in_folders_below_and_not_in_other_runs(tmp_path: Path) -> None:
    trained(tmp_path / "sweep", "lr-1", 1, 1)
    inner = trained(tmp_path, "outer", 1, 1)
    trained(inner.path / "checkpoints", "hidden", 1, 1)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")  # an exported policy is no run
    (tmp_path / "session").mkdir()
    (tmp_path / "session" / "session.db").touch()
    index = RunsIndex(tmp_path)
    assert sorted(found.name for found in index.runs()) == ["outer", "sweep/lr-1"]
    assert index.path("sweep/lr-1") == tmp_path / "sweep" / "lr-1"


def test_a_name_finds_only_what_was_listed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    trained(tmp_path, "outside", 1, 1)
    trained(tmp_path / "runs", "mine", 1, 1)
    index = RunsIndex(tmp_path / "runs")
    index.runs()
    assert index.path("mine") is not None
    for name in ("../outside", "", ".", "/", str(tmp_path / "outside"), "mine/", "mine/../mine", "nobody"):
        assert index.path(name) is None


def test_links_are_listed_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    outside = trained(tmp_path, "outside", 1, 1)
    (tmp_path / "runs" / "link").symlink_to(outside.path)
    index = RunsIndex(tmp_path / "runs")
    (found,) = index.runs()
    assert (found.name, found.status) == ("link", Status.DAMAGED)
    assert "a link, which is not followed" in found.problems[0]
    assert index.path("link") is None
    inner = trained(tmp_path / "runs", "inner", 1, 1)
    (inner.path / "episodes").mkdir()
    (inner.path / "episodes" / "train.jsonl").symlink_to("/etc/passwd")
    found = next(one for one in index.runs() if one.name == "inner")
    assert (found.status, found.problems[0].startswith("a link lies in the run")) == (Status.DAMAGED, True)


DAMAGED = [
    ("config.json", ""),
    ("config.json", "[]"),
    ("config.json", "{"),
    ("config.json", "[" * 5000),
    ("versions.json", "[]"),
    ("versions.json", "nothing"),
    ("metrics.jsonl", '{"step": 1}\nnonsense\n'),
    ("metrics.jsonl", "\0\n"),
    ("clock.json", '{"seconds": "x"}'),
    ("clock.json", '{"seconds": -1}'),
    ("evaluation/trained.json", ""),
    ("evaluation/trained.json", "[1]"),
    ("evaluation/trained.json", '{"schema_version": 99}'),
    ("evaluation/ ..json", "{}"),
]
STRANGE = [
    ("config.json", '{"name": 1, "seed": "x", "memory": [], "train": {"steps": true}, "model": ["x"]}'),
    ("config.json", '{"name": "\\ud800", "seed": 1e999}'.replace("1e999", "1" * 400)),
    ("metrics.jsonl", '{"step": 1, "reward/mean": "x", "quality/em": [1], "seconds/step": "1"}\n'),
    ("progress.log", "\0\nx 2026\n2026-99-99 99:99:99  x\n9999-12-31 23:59:59"),
    ("seeds.json", "\0"),
    ("episodes/trained.index.jsonl", "\0" * 1000),
    (".lock", "nobody"),
]


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_run_is_listed_with_what_is_wrong(tmp_path: Path, name: str, content: str) -> None:
    run = make_run(tmp_path, tasks=2)
    (run.path / name).write_text(content)
    found = one(tmp_path)
    assert (found.name, found.status) == ("synthetic", Status.DAMAGED)
    assert found.problems


@pytest.mark.parametrize(("name", "content"), STRANGE)
def test_strange_values_are_left_out(tmp_path: Path, name: str, content: str) -> None:
    run = make_run(tmp_path, tasks=2)
    (run.path / name).write_text(content)
    assert one(tmp_path).status is Status.FINISHED


def test_a_run_without_its_configuration_is_listed_as_damaged(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks=2)
    run.config_json.unlink()
    found = one(tmp_path)
    assert found.status is Status.DAMAGED
    assert "has no config.json" in found.problems[0]


def test_a_run_is_read_again_only_when_its_files_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [trained(tmp_path, name, 1, 3) for name in ("a", "b")]
    read: list[str] = []

    def counted(name: str, path: Path, changed: float) -> RunSummary:
        read.append(name)
        return summary_of(name, path, changed)

    monkeypatch.setattr("mem1.report.listing.index.summary_of", counted)
    index = RunsIndex(tmp_path)
    index.runs()
    index.runs()
    assert sorted(read) == ["a", "b"]
    with MetricsWriter(runs[1].metrics) as writer:
        writer.write(2, {"reward/mean": 1.0})
    assert {found.name: found.steps for found in index.runs()} == {"a": 1, "b": 2}
    assert read[2:] == ["b"]


def test_what_was_written_last_comes_first_and_what_is_gone_is_gone(tmp_path: Path) -> None:
    for name in ("old", "new"):
        trained(tmp_path, name, 1, 1)
    for path in (tmp_path / "old").iterdir():
        os.utime(path, (1000, 1000))
    index = RunsIndex(tmp_path)
    assert [found.name for found in index.runs()] == ["new", "old"]
    (tmp_path / "new").rename(tmp_path / "newer")
    assert [found.name for found in index.runs()] == ["newer", "old"]
    assert index.path("new") is None


def test_time_is_the_logs_less_its_pauses() -> None:
    log = "2026-11-26 02:00:00  a\n2026-11-26 02:01:00  b\n2026-11-26 05:00:00  resumed\n2026-11-26 05:00:30  c\nx\n"
    assert logged_seconds(log) == 90.0
    assert logged_seconds("") == 0.0


def test_no_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such folder"):
        RunsIndex(tmp_path / "nothing")
