"""Distillation through the command line and into a student; killed again and again it loses nothing finished."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.storage.distillation import read_distillation
from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.types import Episode
from tests.e2e.distiller import JOBS, distill_in_child
from tests.e2e.test_recipes import command

RECIPE = """
name = "small"
model = "builtin:tiny"
watch_tasks = 0

[env]
prompt = "brief"
top_k = 1

[memory]
type = "state"
budgets = { state = 64, action = 48, observation = 192 }

[engine]
slots = 8
max_context = 1024

[tasks]
composition = "sequential"
objectives = 1
count = 8

[distill]
samples = 2
temperature = 0.7
"""
STUDENT = """
[tiny]
vocabulary = 512
hidden = 256
heads = 4
layers = 2
intermediate = 64

[warmstart]
steps = 6
episodes_per_step = 4
evaluate_every = 6
checkpoint_every = 6
optimizer = { lr = 5e-3, warmup = 0, schedule = "constant" }
"""


def test_from_a_teacher_to_students(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE + STUDENT)
    expert, tiny = tmp_path / "expert", tmp_path / "tiny"

    by_expert = command(
        capsys, "distill", str(recipe), "--run", str(expert), "--distill.teacher", "expert", "--distill.samples", "1"
    )
    by_tiny = command(capsys, "distill", str(recipe), "--run", str(tiny))
    assert isinstance(by_expert, dict)
    assert isinstance(by_tiny, dict)
    assert (by_expert["teacher"], by_expert["episodes"], by_expert["tasks"]) == ("expert", 8, 8)
    assert (by_tiny["teacher"], by_tiny["episodes"], by_tiny["tasks"]) == ("builtin:tiny (transformers)", 16, 8)
    for found in (by_expert, by_tiny):
        assert 4 <= found["kept"] <= 8, "one a task at most, and both are good at this"
        assert found["kept"] + sum(found["rejected"].values()) == found["episodes"]
        assert sum(found["rewards"].values()) == found["episodes"]

    shown = ["--demonstrations.runs", f'["{expert}", "{tiny}"]', "--demonstrations.held_out", "0.25"]
    losses, taken = _learn(capsys, recipe, tmp_path / "full", ["--set", "model=new:tiny", *shown])
    assert taken["encoded"] == by_expert["kept"] + by_tiny["kept"] - sum(taken["dropped"].values()) > 8
    assert taken["as_sampled"] == 0, "the new model has tokens of its own"
    assert losses[0] > 2, "it knows nothing"
    assert losses[-1] < losses[0] - 0.5

    low_rank = ["--set", "lora={r=4}", "--warmstart.steps", "2", *shown]
    _, taken = _learn(capsys, recipe, tmp_path / "adapted", low_rank)
    assert taken["as_sampled"] == by_expert["kept"] + by_tiny["kept"], "the shipped model wrote it in these very tokens"
    for flags, file in (([], "model.safetensors"), (["--adapter"], "adapter_model.safetensors")):
        folder = tmp_path / file
        command(capsys, "export", str(tmp_path / "adapted"), str(folder), *flags)
        assert (folder / file).is_file()

    again = command(
        capsys, "distill", str(recipe), "--run", str(tiny), "--resume", "--distill.keep.minimum", "none",
        "--distill.keep.per_task", "2", "--distill.keep.malformed", "true",
    )  # fmt: skip
    assert isinstance(again, dict)
    assert again["kept"] >= by_tiny["kept"]
    assert set(again["rejected"]) <= {"repeated"}, "selected anew from what was sampled"
    assert 'minimum = "none"' in (tiny / "config.toml").read_text(), "resuming with it selects the same"


def _learn(
    capsys: pytest.CaptureFixture[str], recipe: Path, run: Path, flags: list[str]
) -> tuple[list[float], dict[str, Any]]:
    """Warm-start; the held-out losses, and what was learned from."""
    command(capsys, "warmstart", str(recipe), "--run", str(run), *flags)
    losses = [row["evaluation/loss"] for row in read_metrics(run / "metrics.jsonl") if "evaluation/loss" in row]
    return losses, json.loads((run / "demonstrations.json").read_text())


def test_a_start_that_fails_leaves_no_run_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    run = tmp_path / "run"
    for words, code, message in (
        (["warmstart", "--demonstrations.runs", str(tmp_path / "nowhere")], 3, "no such run of demonstrations"),
        (["distill", "--set", "model=nowhere"], 4, "no such model: nowhere"),
        (["train", "--engine.max_context", "99999999"], 2, "max_context"),
    ):
        assert main([words[0], str(recipe), "--run", str(run), *words[1:]]) == code
        assert message in capsys.readouterr().err
        assert not run.exists()


# ---------------------------------------------------------------- killed


class _Child:
    def __init__(self, path: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.e2e.distiller"])
        self.news, far = context.Pipe(duplex=False)
        self.process = context.Process(target=distill_in_child, args=(path, far))
        self.process.start()
        far.close()

    def ids(self, most: int) -> list[str]:
        """The next finished episodes, at most so many; fewer if it ends."""
        found: list[str] = []
        try:
            while len(found) < most:
                found.append(self.news.recv())
        except EOFError:
            pass
        return found

    def end(self, number: int | None = None) -> int | None:
        if number is not None:
            assert self.process.pid is not None
            os.kill(self.process.pid, number)
        self.process.join(60)
        return self.process.exitcode


def test_killed_and_resumed_is_the_same_as_undisturbed(tmp_path: Path) -> None:
    peaceful = _Child(tmp_path / "peaceful")
    assert len(peaceful.ids(1000)) == 60
    assert peaceful.end() == 0
    rng = random.Random(5)
    known: set[str] = set()
    for _ in range(4):
        child = _Child(tmp_path / "killed")
        seen = child.ids(len(known) + rng.randint(1, 8))
        assert known <= set(seen), "what was finished is found again"
        known = set(seen)
        assert child.end(signal.SIGKILL) == -signal.SIGKILL
    last = _Child(tmp_path / "killed")
    assert set(last.ids(1000)) == {request.episode_id for request in JOBS}
    assert last.end() == 0

    def content(name: str) -> tuple[object, dict[str, Episode]]:
        run = RunDir.open(tmp_path / name)
        episodes = list(read_episodes(run.episodes("teacher")))
        assert len(episodes) == 60, "nothing was done twice"
        plain = {episode.id: episode.model_copy(update={"seconds": 0.0}) for episode in episodes}
        return read_distillation(run.distillation), plain

    assert content("killed") == content("peaceful")
