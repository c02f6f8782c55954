"""A run killed again and again and resumed ends with the same weights, bit for bit, as one left in peace."""

from __future__ import annotations

import math
import multiprocessing
import os
import random
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import KlConfig, OptimizerConfig, TrainConfig, WarmstartConfig
from mem1.train.saving.checkpoint import read_progress
from mem1.types import Episode
from tests.e2e.toy import train_in_child, warm_start_in_child

KILLS = 6
CONFIG = TrainConfig(
    algorithm=Ppo(critic_lr=1e-2),
    steps=30,
    tasks_per_step=2,
    group_size=4,
    minibatches=2,
    optimizer=OptimizerConfig(lr=1e-2, warmup=3, schedule="cosine"),
    kl=KlConfig(coef=0.01, where="reward"),
    checkpoint_every=2,
    evaluate_every=5,
    no_signal_limit=1000,
)
WARM = WarmstartConfig(
    steps=30, episodes_per_step=5, optimizer=OptimizerConfig(lr=1e-2), checkpoint_every=3, evaluate_every=10
)


class Child:
    """A training process; it is forked from a clean server that has imported everything."""

    def __init__(self, path: Path, config: TrainConfig | WarmstartConfig) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.e2e.toy"])
        self.news: Connection
        self.news, far = context.Pipe(duplex=False)
        target: Any = train_in_child if isinstance(config, TrainConfig) else warm_start_in_child
        self.process = context.Process(target=target, args=(path, config, far))
        self.process.start()
        far.close()
        self.pace = math.inf  # seconds of the quickest step seen

    def wait_for_steps(self, count: int) -> bool:
        """Wait until ``count`` more steps are complete; false if the process ended first."""
        before = math.nan  # the first one's time holds the start of the process
        try:
            for _ in range(count):
                self.news.recv()
                now = time.perf_counter()
                self.pace, before = min(self.pace, now - before) if now > before else self.pace, now
        except EOFError:
            return False
        return True

    def stop(self, number: int) -> int | None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)
        return self.finish()

    def finish(self) -> int | None:
        while self.wait_for_steps(1):
            pass
        self.process.join(120)
        return self.process.exitcode


def content(path: Path) -> tuple[dict[str, bytes], list[dict[str, Any]], list[Episode]]:
    """The last checkpoint's weights, the metrics without clock times, and the episodes of a run."""
    run = RunDir.open(path)
    latest = run.checkpoints / (run.checkpoints / "latest").read_text().strip()
    read_progress(latest)
    weights = {str(file.relative_to(latest)): file.read_bytes() for file in latest.rglob("*.safetensors")}
    metrics = [
        {name: value for name, value in row.items() if not name.startswith(("seconds/", "speed/"))}
        for row in read_metrics(run.metrics)
    ]
    episodes = [episode for file in run.episode_files().values() for episode in read_episodes(file)]
    return weights, metrics, episodes


@pytest.mark.parametrize("config", [CONFIG, WARM], ids=["train", "warmstart"])
def test_killed_and_resumed_is_the_same_as_undisturbed(tmp_path: Path, config: TrainConfig | WarmstartConfig) -> None:
    assert Child(tmp_path / "peaceful", config).finish() == 0
    rng = random.Random(time.time_ns())
    for kill in range(KILLS):
        child = Child(tmp_path / "killed", config)
        assert child.wait_for_steps(rng.randint(2, 3)), f"the run was over before kill {kill}"
        time.sleep(rng.uniform(0, 1.5 * child.pace))
        assert child.stop(signal.SIGKILL) == -signal.SIGKILL
    assert Child(tmp_path / "killed", config).finish() == 0
    weights, metrics, episodes = content(tmp_path / "killed")
    assert weights
    assert sum("policy/lr" in row or "warmstart/lr" in row for row in metrics) == config.steps
    assert (weights, metrics, episodes) == content(tmp_path / "peaceful")


def test_ctrl_c_saves_the_last_complete_step_and_loses_nothing(tmp_path: Path) -> None:
    assert Child(tmp_path / "peaceful", CONFIG).finish() == 0
    rng = random.Random(time.time_ns())
    done = -1
    for _ in range(3):
        child = Child(tmp_path / "stopped", CONFIG)
        assert child.wait_for_steps(rng.randint(2, 6))
        time.sleep(rng.uniform(0, 0.05))
        assert child.stop(signal.SIGINT) == 0
        checkpoints = tmp_path / "stopped" / "checkpoints"
        progress = read_progress(checkpoints / (checkpoints / "latest").read_text().strip())
        rows = list(read_metrics(tmp_path / "stopped" / "metrics.jsonl"))
        assert progress.step == max(row["step"] for row in rows)
        assert progress.step > done
        done = progress.step
    assert Child(tmp_path / "stopped", CONFIG).finish() == 0
    assert content(tmp_path / "stopped") == content(tmp_path / "peaceful")
