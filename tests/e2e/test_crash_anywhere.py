"""Commands killed, or out of disk, at each of their writes: what was finished stays readable, and going on ends alike.

Training, the warm start, distillation and indexes are killed at random moments elsewhere (``test_kill_resume.py``,
``test_distill.py``, ``tests/unit/retrieval``); here the others are, one write after the other.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.config import Config
from mem1.errors import Mem1Error, StorageError
from mem1.evaluation.intact import damaged_cells
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation
from mem1.inference.hf.loading import load_tokenizer
from mem1.report.build import build_report
from mem1.report.data import read_run
from mem1.storage.episodes import EpisodeWriter, read_episodes
from mem1.storage.run_dir import RunDir
from mem1.train.saving.checkpoint import Checkpoints, get_rng, read_progress
from mem1.train.saving.export import export
from tests.e2e.crashes import changes, disturbed, full, killed_at
from tests.unit.evaluation.test_evaluate import go
from tests.unit.storage.examples import episode
from tests.unit.train.saving.test_checkpoint import progress, trained

EVERY = [7, pytest.param(1, marks=pytest.mark.slow)]
"""Every seventh write in the fast tests, each in the slow ones."""

COMPOSE = """
[tasks]
composition = "parallel"
objectives = 2
count = 4
"""


def numbers(evaluation: Evaluation) -> list[Any]:
    return [(cell.strategy, cell.key, cell.tasks, cell.values[Measure.EM], cell.episodes) for cell in evaluation.cells]


def new_run(folder: Path, name: str) -> RunDir:
    return RunDir.create(folder, name, Config())


def check_evaluation(run: RunDir, whole: Evaluation) -> None:
    """Whatever there is can be read and stands on its episodes; going on gives what an undisturbed one gave."""
    assert read_run(run.path).damage == ()
    build_report(run.path)
    again = go(run, resume=True)
    assert again.complete
    assert numbers(again) == numbers(whole)
    assert damaged_cells(run, again) == []
    stored = [one.id for one in read_episodes(run.episodes("base"))]
    assert len(set(stored)) == 10
    assert len(stored) <= 11, "only what was in flight is run anew"


@pytest.mark.parametrize("every", EVERY)
def test_an_evaluation_killed_at_any_write_goes_on(tmp_path: Path, every: int) -> None:
    peaceful = new_run(tmp_path, "peaceful")
    count = changes(lambda: go(peaceful))
    whole = peaceful.read_evaluation("base", Evaluation)
    assert count > 40
    for number in range(1, count + 1, every):
        run = new_run(tmp_path, f"killed-{number}")
        assert killed_at(number, lambda run=run: go(run))  # type: ignore[misc]
        check_evaluation(run, whole)


@pytest.mark.parametrize("every", EVERY)
def test_an_evaluation_whose_disk_fills_up_at_any_write_says_so_and_goes_on(tmp_path: Path, every: int) -> None:
    peaceful = new_run(tmp_path, "peaceful")
    count = changes(lambda: go(peaceful))
    whole = peaceful.read_evaluation("base", Evaluation)
    for number in range(1, count + 1, every):
        run = new_run(tmp_path, f"full-{number}")
        try:
            with disturbed(number, full):
                go(run)
        except StorageError as error:
            assert "No space left" in error.what  # noqa: PT017 - not every write stops it: the index is a cache
        check_evaluation(run, whole)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".tmp")
    }


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has something to report."""
    run = new_run(tmp_path_factory.mktemp("evaluated"), "run")
    go(run)
    return run.path


@pytest.mark.parametrize("fault", ["killed", "full"])
def test_a_report_cut_short_anywhere_leaves_the_old_one_or_the_new_one(
    evaluated: Path, tmp_path: Path, fault: str
) -> None:
    shutil.copytree(evaluated, tmp_path / "run")
    run = RunDir.open(tmp_path / "run")
    count = changes(lambda: build_report(run.path))
    after = digests(run.path)
    pages = (run.report_html, run.report_markdown, run.report_json)
    for number in range(1, count + 1):
        for page in pages:
            page.write_text("old")
        before = digests(run.path)
        if fault == "killed":
            assert killed_at(number, lambda: build_report(run.path))
        else:
            with disturbed(number, full), pytest.raises(StorageError, match="No space left"):
                build_report(run.path)
        for name, digest in digests(run.path).items():
            assert digest in (before[name], after[name]), name
        build_report(run.path)
        assert digests(run.path) == after


@pytest.mark.parametrize("form", ["--out", "--parquet"])
@pytest.mark.parametrize("fault", ["killed", "full"])
def test_tasks_written_to_a_file_are_all_there_or_not_at_all(tmp_path: Path, form: str, fault: str) -> None:
    recipe, file = tmp_path / "recipe.toml", tmp_path / "tasks"
    recipe.write_text(COMPOSE)
    words = ["compose", str(recipe), form, str(file), "--json"]
    count = changes(lambda: main(words))
    whole = file.read_bytes()
    assert 3 <= count < 30
    for number in range(1, count + 1):
        file.write_bytes(b"old")
        if fault == "killed":
            assert killed_at(number, lambda: main(words))
        else:
            with disturbed(number, full):
                assert main(words) == StorageError.exit_code
        assert file.read_bytes() in (b"old", whole)
        assert main(words) == 0
        assert file.read_bytes() == whole


def test_a_line_torn_by_a_kill_is_cut_off_and_costs_no_other(tmp_path: Path) -> None:
    for name in ("a.jsonl", "a.jsonl.gz"):
        path = tmp_path / name

        def store(path: Path = path) -> None:
            with EpisodeWriter(path) as writer:
                for number in range(4):
                    writer.write(episode(f"e{number}"))

        for old in tmp_path.glob("a.*"):
            old.unlink()
        for number in range(1, changes(store) + 1):
            for old in tmp_path.glob("a.*"):
                old.unlink()
            assert killed_at(number, store)
            kept = [one.id for one in read_episodes(path)]
            assert kept == [f"e{k}" for k in range(len(kept))]
            with EpisodeWriter(path) as writer:
                writer.write(episode("after"))
            assert [one.id for one in read_episodes(path)] == [*kept, "after"]


def cut_short(work: Callable[[], object], number: int) -> None:
    with disturbed(number, full), pytest.raises(StorageError, match="No space left"):
        work()


def test_a_run_that_is_being_made_can_be_made_again_after_any_failure(tmp_path: Path) -> None:
    count = changes(lambda: new_run(tmp_path, "whole"))
    for number in range(1, count + 1):
        cut_short(lambda: new_run(tmp_path, "run"), number)
        assert new_run(tmp_path, "run").config(Config) == Config()
        shutil.rmtree(tmp_path / "run")
        assert killed_at(number, lambda: new_run(tmp_path, "run"))
        assert new_run(tmp_path, "run").config(Config) == Config()
        shutil.rmtree(tmp_path / "run")


@pytest.mark.parametrize("fault", ["killed", "full"])
def test_a_checkpoint_cut_short_anywhere_leaves_the_former_one_or_the_new_one(tmp_path: Path, fault: str) -> None:
    state, rng = trained(), get_rng()
    peaceful = Checkpoints(tmp_path / "peaceful", keep=1)
    peaceful.save(state, progress(1), rng)
    count = changes(lambda: peaceful.save(state, progress(2), rng))
    assert count > 8
    for number in range(1, count + 1):
        checkpoints = Checkpoints(tmp_path / f"{fault}-{number}", keep=1)
        checkpoints.save(state, progress(1), rng)
        if fault == "killed":
            assert killed_at(number, lambda save=checkpoints.save: save(state, progress(2), rng))  # type: ignore[misc]
        else:
            with disturbed(number, full), pytest.raises(Mem1Error, match="No space left"):
                checkpoints.save(state, progress(2), rng)
        latest = checkpoints.latest()
        assert latest is not None
        assert read_progress(latest).step in (1, 2)
        checkpoints.save(state, progress(3), rng)
        assert [path.name for path in checkpoints.directory.iterdir() if path.is_dir()] == ["step-000003"]


@pytest.mark.parametrize("fault", ["killed", "full"])
def test_an_export_cut_short_anywhere_leaves_a_whole_model_or_none(tmp_path: Path, fault: str) -> None:
    run = new_run(tmp_path, "run")
    Checkpoints(run.checkpoints, keep=1, extra_files=load_tokenizer("builtin:tiny").save).save(
        trained(), progress(3), get_rng()
    )
    count = changes(lambda: export(run, tmp_path / "whole", dtype="float32"))
    whole = digests(tmp_path / "whole")
    for number in range(1, count + 1):
        folder = tmp_path / f"model-{number}"
        if fault == "killed":
            assert killed_at(number, lambda folder=folder: export(run, folder, dtype="float32"))  # type: ignore[misc]
        else:
            with disturbed(number, full), pytest.raises(StorageError, match="No space left"):
                export(run, folder, dtype="float32")
        if not folder.exists():
            export(run, folder, dtype="float32")
        assert digests(folder) == whole
