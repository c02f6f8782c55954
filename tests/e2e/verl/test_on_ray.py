"""Whole runs on a local Ray: the shipped policy, two steps, on processors alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from tests.ending import inner, started

ROOT = Path(__file__).parents[3]
SEQUENTIAL = """
model = "builtin:tiny"
watch_tasks = 0
[tasks]
composition = "sequential"
objectives = 2
count = 20
[env]
prompt = "brief"
top_k = 3
turns_per_objective = 4
[memory]
type = "state"
budgets = { state = 40, action = 28, observation = 128 }
"""
# A row of data holds its whole task, as the trainers of verl want it.
PARALLEL = """
model = "builtin:tiny-parallel"
watch_tasks = 0
[tasks]
composition = "parallel"
objectives = 2
count = 20
[env]
prompt = "headed"
top_k = 2
[memory]
type = "state_gated"
instruction = "Edit. Quote."
quotes = true
budgets = { state = 72, action = 72, observation = 128, each = { state = 14, action = 14 } }
"""
REST = """
[engine]
max_context = 1024
[train]
steps = 2
tasks_per_step = 3
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
    path.write_text(SEQUENTIAL + REST + CLUSTER)
    return path


MARK = "MEM1_TEST_RUN"  # in the environment of a run and of all processes that Ray starts for it


def environment() -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "OMP_NUM_THREADS": "1",
        "RAY_raylet_start_wait_time_s": "300",
        "RAY_worker_register_timeout_seconds": "600",
        "RAY_worker_niceness": "0",  # by default 15: on a busy machine a run hardly moves
    }


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *command], env=environment(), text=True, capture_output=True, timeout=1500, check=False
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
        assert line["policy/rollout_gap"] <= 2e-6  # nats, mean
        assert line["policy/rollout_gap_max"] <= 2e-4  # for any token (docs/decisions/0206)
        assert line["policy/updates"] == 1


def ids(directory: Path, steps: int) -> tuple[list[str], list[str]]:
    """The episodes of a run as they are recorded, and as there should be: twelve a step, none lost and none twice."""
    recorded = [episode.id for episode in read_episodes(RunDir(directory).episode_files()["train"])]
    wanted = [f"train/{step}/{task}/{one}" for step in range(steps) for task in range(3) for one in range(4)]
    return sorted(recorded), sorted(wanted)


def test_two_steps_by_two_processes_then_a_third_by_one_from_their_checkpoint(recipe: Path, tmp_path: Path) -> None:
    directory = tmp_path / "run"
    check(train(recipe, directory, "--backend.workers", "2"))
    assert versions(directory) == [{0}, {1}]
    metrics = train(recipe, directory, "--resume", "--train.steps", "3")
    check(metrics)
    assert [line["step"] for line in metrics] == [1, 2, 3]
    assert versions(directory) == [{0}, {1}, {2}]
    recorded, wanted = ids(directory, 3)
    assert recorded == wanted
    assert run("mem1", "export", str(directory), str(tmp_path / "model")).returncode == 0
    assert (tmp_path / "model" / "model.safetensors").is_file()
    assert run("mem1", "report", str(directory)).returncode == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found by /proc")
def test_a_rank_and_then_the_whole_run_killed_in_mid_step_go_on_from_the_last_checkpoint(
    recipe: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "run"
    command = ["mem1", "train", str(recipe), "--run", str(directory), "--backend.workers", "2"]
    more = [*command, "--resume", "--train.steps", "4"]
    with told_apart(command, tmp_path / "first.log") as first:
        kill_in_mid_step(first, directory, after=1, whole=False)
        assert first.wait(timeout=600) != 0
    told = (tmp_path / "first.log").read_text()
    assert re.search(r"^error: a training process of verl is gone: rank [01] process \d+ on \S+$", told, re.M), told[
        -4000:
    ]
    assert "--resume" in told
    assert lines(directory) == 1, "the step in which it died counts for nothing"
    with told_apart(more, tmp_path / "second.log") as second:
        kill_in_mid_step(second, directory, after=2, whole=True)
        assert second.wait(timeout=60) == 128 + signal.SIGKILL
    metrics = train(recipe, directory, *more[5:])
    check(metrics)
    assert [line["step"] for line in metrics] == [1, 2, 3, 4]
    assert versions(directory) == [{0}, {1}, {2}, {3}]
    recorded, wanted = ids(directory, 4)
    assert recorded == wanted


@contextmanager
def told_apart(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A command whose processes can be told from those of others; none of them outlives the block."""
    told = environment() | {MARK: str(log)}
    with (
        log.open("wb") as out,
        started([sys.executable, "-m", *command], env=told, stdout=out, stderr=out) as made,
    ):
        try:
            yield made
        finally:
            with suppress(ProcessLookupError):
                os.killpg(made.pid, signal.SIGKILL)
            for _, process in processes(log):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)


def processes(log: Path) -> Iterator[tuple[str, int]]:
    """Title and id of each process of the command that writes ``log``; Ray puts what an actor does into its title."""
    mark = f"{MARK}={log}".encode()
    for folder in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if mark in (folder / "environ").read_bytes():
                yield (folder / "cmdline").read_bytes().decode(errors="replace"), int(folder.name)


def lines(directory: Path) -> int:
    file = RunDir(directory).metrics
    return len(file.read_text().splitlines()) if file.is_file() else 0


def kill_in_mid_step(command: subprocess.Popen[bytes], directory: Path, *, after: int, whole: bool) -> None:
    """Kill one training process while it takes an optimizer step, once ``after`` steps are done; or the command."""
    log = directory.parent / ("second.log" if whole else "first.log")
    ends = time.monotonic() + 1200
    while time.monotonic() < ends and command.poll() is None:
        if lines(directory) == after:
            stepping = [process for title, process in processes(log) if "mem1_step" in title]
            if stepping:
                os.kill(inner(command) if whole else stepping[-1], signal.SIGKILL)
                return
        time.sleep(0.02)
    raise AssertionError(f"no step was seen:\n{log.read_text()[-4000:]}")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stock_trainer_of_verl_runs_our_agent_loop(recipe: Path, tmp_path: Path, workers: int) -> None:
    # With two objectives it can happen that each task's episodes score alike, and nothing is learned from any.
    four = PARALLEL.replace("objectives = 2", "objectives = 4")
    recipe.write_text(four + REST + CLUSTER + f"workers = {workers}\n")
    ended = run("tests.e2e.verl.stock", str(recipe), str(tmp_path / "tasks.parquet"))
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-4000:]
    largest, mean = (said(ended.stdout, f"training/rollout_probs_diff_{what}") for what in ("max", "mean"))
    assert len(largest) == len(mean) == 2
    assert max(largest) <= 1e-4  # probability of any token: float32 of a policy that is nearly sure of what it writes
    assert max(mean) <= 1e-6  # in the second step too, of weights that were changed and handed over
    assert said(ended.stdout, "actor/grad_norm")[0] > 0


def said(text: str, metric: str) -> list[float]:
    """What verl printed of a metric, by step."""
    return [float(one) for one in re.findall(rf"{metric}:(?:np\.float\d+\()?([\d.e-]+)", text)]
