"""The run directory: made whole, opened again, and never written over."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import ConfigError, StorageError
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from mem1.storage.versions import versions
from tests.unit.storage.examples import episode, task


class Inner(Config):
    rate: float = 1e-6
    limit: int | None = 5


class Settings(Config):
    name: str = "é"
    inner: Inner = Inner()


CONFIG = Settings(inner=Inner(limit=None))


def test_create_writes_what_open_reads(tmp_path: Path) -> None:
    RunDir.create(tmp_path, "run-1", CONFIG, seeds={"rollout": 7})
    run = RunDir.open(tmp_path / "run-1")
    assert run.config(Settings) == CONFIG  # the null too, which TOML cannot say
    assert run.seeds() == {"rollout": 7}
    assert run.versions() == versions()
    assert tomllib.loads(run.config_toml.read_text(encoding="utf-8")) == {"name": "é", "inner": {"rate": 1e-6}}


def test_a_run_is_not_written_over(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    run.metrics.touch()
    with pytest.raises(StorageError, match="already") as caught:
        RunDir.create(tmp_path, "run", CONFIG)
    assert caught.value.hint is not None
    assert "resume" in caught.value.hint


def test_a_run_that_recorded_nothing_is_begun_anew(tmp_path: Path) -> None:
    RunDir.create(tmp_path, "run", CONFIG)
    assert RunDir.create(tmp_path, "run", Settings(name="corrected")).config(Settings).name == "corrected"


def test_a_foreign_directory_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("x")
    with pytest.raises(StorageError, match=r"thesis\.tex"):
        RunDir.create(tmp_path, "home", CONFIG)
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["thesis.tex"]


def test_a_creation_cut_short_is_no_run_and_can_be_repeated(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    run.config_json.unlink()  # written last
    with pytest.raises(StorageError, match="not a run directory"):
        RunDir.open(run.path)
    assert RunDir.create(tmp_path, "run", CONFIG).config(Settings) == CONFIG


def test_a_model_folder_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": []}')
    with pytest.raises(StorageError, match=r"not a run directory: it has no versions\.json"):
        RunDir.open(tmp_path)


def test_damaged_versions_are_named(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    (run.path / "versions.json").write_text("[]")
    with pytest.raises(StorageError, match=r"versions\.json is not an object"):
        run.versions()


def test_opening_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such run"):
        RunDir.open(tmp_path / "nothing")


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a" * 201, "a\n"])
def test_names_that_would_leave_the_directory_are_refused(tmp_path: Path, name: str) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    for make in (run.episodes, run.evaluation, run.checkpoint):
        with pytest.raises(ConfigError):
            make(name)


def test_another_config_class_is_refused_with_the_key(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    with pytest.raises(ConfigError, match="name: no such key"):
        run.config(Inner)


def test_episode_files_are_listed_without_their_indexes(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    for path in (run.episodes("train-2"), run.episodes("eval", compressed=True)):
        with EpisodeWriter(path) as writer:
            writer.write(episode())
    assert list(run.episode_files()) == ["eval", "train-2"]
    assert run.episodes("eval").name == "eval.jsonl.gz"  # the one that exists, whatever is asked now


def test_evaluations(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    run.write_evaluation("final", task())
    assert run.evaluations() == ["final"]
    assert run.read_evaluation("final", type(task())) == task()
    with pytest.raises(StorageError, match="this is no Episode"):
        run.read_evaluation("final", type(episode()))
    with pytest.raises(StorageError, match="cannot read"):
        run.read_evaluation("other", type(task()))


def test_versions_name_what_decides_results() -> None:
    found = versions()
    assert found["mem1"] is not None
    assert {"python", "platform", "torch", "transformers"} <= found.keys()


def test_what_was_asked_of_the_web_adds_up_over_resumed_runs(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", CONFIG)
    run.add_web({"searches": 3, "pages failed: timeout": 1})
    run.add_web({"searches": 2, "pages": 4})
    assert json.loads(run.web.read_text()) == {"pages": 4, "pages failed: timeout": 1, "searches": 5}
