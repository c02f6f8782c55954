"""Whole runs on a local Ray: the shipped policy, two steps, on processors alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir

ROOT = Path(__file__).parents[3]
RECIPE = """
model = "builtin:tiny"
watch_tasks = 0
[tasks]
composition = "parallel"
objectives = 2
count = 8
[env]
prompt = "brief"
[engine]
max_context = 1024
[memory]
type = "state"
budgets = { state = 64, action = 32, observation = 128 }
[train]
steps = 2
tasks_per_step = 2
group_size = 4
checkpoint_every = 1
normalisation = "episode"
optimizer = { lr = 1e-4 }
[backend]
type = "verl"
device = "cpu"
object_store_mb = 300
"""
# A cluster that was started for the tests: where a machine is so busy that Ray gives up starting.
CLUSTER = f'cluster = "{os.environ.get("MEM1_TEST_RAY", "local")}"\n'


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE + CLUSTER)
    return path


def run(*command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "RAY_raylet_start_wait_time_s": "300",
        "RAY_worker_register_timeout_seconds": "600",
    }
    return subprocess.run(
        [sys.executable, "-m", *command], env=environment, text=True, capture_output=True, timeout=1500, check=False
    )


def train(recipe: Path, directory: Path, *more: str) -> list[dict[str, Any]]:
    """The metrics of a run, after ``mem1 train``."""
    ended = run("mem1", "train", str(recipe), "--run", str(directory), *more)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    return [json.loads(line) for line in RunDir(directory).metrics.read_text().splitlines()]


def versions(directory: Path) -> list[set[int]]:
    """Of the weights that sampled, by step."""
    file = RunDir(directory).episode_files()["train"]
    found: dict[str, set[int]] = {}
    for episode in read_episodes(file):
        step = episode.id.split("/")[1]
        found.setdefault(step, set()).update(turn.policy_version for turn in episode.turns)
    return [found[step] for step in sorted(found)]


def check(metrics: Sequence[dict[str, Any]]) -> None:
    for line in metrics:
        assert line["count/failed"] == 0
        assert line["policy/rollout_gap"] <= 1e-5  # nats, mean
        assert line["policy/rollout_gap_max"] <= 1e-4  # for any token
        assert line["policy/updates"] == 1


def test_two_steps_by_one_process_then_a_third_by_two_from_its_checkpoint(recipe: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    check(train(recipe, directory))
    assert versions(directory) == [{0}, {1}]
    more = ("--resume", "--train.steps", "3", "--backend.workers", "2")
    metrics = train(recipe, directory, *more)
    check(metrics)
    assert [line["step"] for line in metrics] == [1, 2, 3]
    assert versions(directory) == [{0}, {1}, {2}]
    assert run("mem1", "export", str(directory), str(tmp_path / "model")).returncode == 0
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert run("mem1", "report", str(directory)).returncode == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stock_trainer_of_verl_runs_our_agent_loop(recipe: Path, tmp_path: Path, workers: int) -> None:
    recipe.write_text(RECIPE + CLUSTER + f"workers = {workers}\n")
    ended = run("tests.e2e.verl.stock", str(recipe), str(tmp_path / "tasks.parquet"))
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    said = [float(one) for one in re.findall(r"rollout_probs_diff_max:(?:np\.float\d+\()?([\d.e-]+)", ended.stdout)]
    assert len(said) == 2
    assert max(said) <= 1e-6
