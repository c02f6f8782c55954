"""Two processes in one run directory, and run directories from somebody else."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.storage.metrics import read_metrics
from tests.ending import inner, started

RECIPE = """
name = "k"
model = "builtin:tiny"
watch_tasks = 0
env = { prompt = "brief", top_k = 1, turns_per_objective = 2 }
memory = { type = "state", budgets = { state = 40, action = 28, observation = 64 } }
engine = { slots = 8, max_context = 2048 }
tasks = { composition = "sequential", objectives = 1, count = 20 }
train = { algorithm = { type = "grpo" }, steps = 4, tasks_per_step = 1, group_size = 2, checkpoint_every = 1, \
no_signal_limit = 1000 }
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@contextmanager
def held(recipe: Path, run: Path) -> Iterator[int]:
    """The process of a training that has written its first step, and holds still."""
    command = [sys.executable, "-m", "mem1", "train", str(recipe), "--run", str(run)]
    with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        for _ in range(6000):
            if (run / "checkpoints" / "step-000001").is_dir():
                break
            assert process.poll() is None, process.stderr and process.stderr.read().decode()
            time.sleep(0.02)
        else:
            raise AssertionError("no checkpoint")
        training = inner(process)
        os.kill(training, signal.SIGSTOP)
        yield training
        os.kill(training, signal.SIGKILL)
        process.wait(60)


def test_a_second_process_in_a_run_is_refused_until_the_first_one_is_dead(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with held(recipe, run) as process:
        for words in (
            ["train", str(recipe), "--run", str(run), "--resume"],
            ["train", str(recipe), "--run", str(run)],
            ["warmstart", str(recipe), "--run", str(run), "--resume"],
            ["evaluate", str(recipe), "--run", str(run), "--resume"],
            ["distill", str(recipe), "--run", str(run), "--resume"],
            ["demo", str(recipe), "--run", str(run), "--resume"],
        ):
            assert main([*words, "--json"]) == 6, words
            told = json.loads(capsys.readouterr().out)["error"]
            assert f"process {process} on " in told["what"]
            assert f"mem1 train {recipe}" in told["what"].replace("__main__.py", "mem1")
    assert main(["train", str(recipe), "--run", str(run), "--resume"]) == 0
    seen = [row["step"] for row in read_metrics(run / "metrics.jsonl") if "policy/lr" in row]
    assert seen == [1, 2, 3, 4]


def mark(name: str) -> Callable[[Path, Path], None]:
    def harm(checkpoint: Path, victim: Path) -> None:
        path = checkpoint / "checkpoint.json"
        manifest = json.loads(path.read_bytes())
        manifest["progress"]["marks"][name.format(victim=victim)] = 0
        path.write_text(json.dumps(manifest))

    return harm


def listed(name: str) -> Callable[[Path, Path], None]:
    def harm(checkpoint: Path, victim: Path) -> None:
        path = checkpoint / "checkpoint.json"
        manifest = json.loads(path.read_bytes())
        manifest["files"][name.format(victim=victim)] = {"size": 4, "sha256": "0" * 64}
        path.write_text(json.dumps(manifest))

    return harm


def link_metrics(checkpoint: Path, victim: Path) -> None:
    metrics = checkpoint.parents[1] / "metrics.jsonl"
    metrics.unlink()
    metrics.symlink_to(victim)


def link_episodes(checkpoint: Path, victim: Path) -> None:
    index = checkpoint.parents[1] / "episodes" / "train.index.jsonl"
    index.unlink()
    index.symlink_to(victim)


def link_latest(checkpoint: Path, victim: Path) -> None:
    (checkpoint.parent / "latest").unlink()
    (checkpoint.parent / "latest").symlink_to(victim)


def name_outside(checkpoint: Path, victim: Path) -> None:
    shutil.copytree(checkpoint, victim.parent / "step-000009")
    (checkpoint.parent / "latest").write_text("../../step-000009")


def pickled_weights(checkpoint: Path, victim: Path) -> None:
    """A model that is a pickle which empties the file when it is loaded."""
    (checkpoint / "model" / "model.safetensors").unlink()
    code = f"csystem\n(S'truncate -s 0 {victim}'\ntR.".replace("csystem", "cos\nsystem")
    (checkpoint / "model" / "pytorch_model.bin").write_bytes(code.encode())
    _describe_anew(checkpoint)


def pickled_state(checkpoint: Path, victim: Path) -> None:
    (checkpoint / "state.pt").write_bytes(f"cos\nsystem\n(S'truncate -s 0 {victim}'\ntR.".encode())
    _describe_anew(checkpoint)


def shard_outside(checkpoint: Path, victim: Path) -> None:
    """An index of weights whose shards are elsewhere."""
    weights = checkpoint / "model" / "model.safetensors"
    weights.rename(victim.parent / "weights.safetensors")
    index = {"metadata": {}, "weight_map": {"model.norm.weight": "../../../../weights.safetensors"}}
    (checkpoint / "model" / "model.safetensors.index.json").write_text(json.dumps(index))
    _describe_anew(checkpoint)


def _describe_anew(checkpoint: Path) -> None:
    """What a careful attacker does: the checksums are right."""
    from mem1.train.saving.checkpoint import _describe

    path = checkpoint / "checkpoint.json"
    manifest = json.loads(path.read_bytes())
    files = [file for file in sorted(checkpoint.rglob("*")) if file.is_file() and file != path]
    manifest["files"] = {str(file.relative_to(checkpoint)): _describe(file).model_dump() for file in files}
    path.write_text(json.dumps(manifest))


ATTACKS: dict[str, Callable[[Path, Path], None]] = {
    "an absolute mark": mark("{victim}"),
    "a mark above": mark("../precious"),
    "a mark above, by a folder": mark("checkpoints/../../precious"),
    "a mark on the configuration": mark("config.json"),
    "an absolute file": listed("{victim}"),
    "a file above": listed("../../../precious"),
    "metrics are a link": link_metrics,
    "an index is a link": link_episodes,
    "latest is a link": link_latest,
    "latest is outside": name_outside,
    "weights are a pickle": pickled_weights,
    "the optimizer is a pickle": pickled_state,
    "a shard is outside": shard_outside,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run, to be copied and tampered with."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "recipe.toml").write_text(RECIPE)
    assert main(["train", str(folder / "recipe.toml"), "--run", str(folder / "run"), "--train.steps", "1"]) == 0
    return folder / "run"


@pytest.mark.parametrize("attack", ATTACKS)
def test_somebody_elses_run_touches_no_file_of_yours(
    trained: Path, tmp_path: Path, attack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    victim = tmp_path / "precious"
    victim.write_text("mine")
    ATTACKS[attack](run / "checkpoints" / "step-000001", victim)
    for words in (
        ["train", str(run / "config.toml"), "--run", str(run), "--resume", "--train.steps", "2"],
        ["export", str(run), str(tmp_path / "model")],
    ):
        code = main([*words, "--json"])
        if words[0] == "export" and "mark" in attack:
            assert code == 0, "the marks are nothing to an export"
        elif words[0] == "train" or attack != "the optimizer is a pickle":
            assert code in (5, 6), (words[0], capsys.readouterr().out)
        capsys.readouterr()
    assert victim.read_text() == "mine"
