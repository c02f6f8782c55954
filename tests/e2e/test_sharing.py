"""A policy exported by one person, evaluated and served by another where nothing else of the first one's is left."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from mem1.cli.main import main
from mem1.inference.hf.loading import load_tokenizer
from tests.unit.inference.endpoint_server import Model, Next, Server

RECIPE = """
model = "builtin:tiny"
[env]
prompt = "brief"
[memory]
type = "state"
budgets = { state = 40, action = 28, observation = 128 }
[tasks]
composition = "sequential"
objectives = 2
count = 8
[train]
steps = 1
tasks_per_step = 2
group_size = 4
checkpoint_every = 1
evaluate_every = 1
optimizer = { lr = 2e-4 }
[evaluate]
strategies = ["state", "window"]
baseline = "window"
compositions = ["sequential"]
horizons = [2]
tasks = 2
session_objectives = 0
resamples = 100
"""
FIGURES = ("em", "f1", "peak", "answer_rate", "tokens", "turns")
"""What does not depend on how fast a machine is."""


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert all(row["failed"] == 0 for row in rows)
    return [{name: row[name] for name in ("tasks", "strategy", *FIGURES)} for row in rows]


def command(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code = main([*words, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err + printed.out
    return json.loads(printed.out)


def greedy(folder: Path) -> Next:
    """The most likely token by transformers alone, and its log-probability."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()

    @torch.no_grad()
    def draw(prompt: tuple[int, ...], written: tuple[int, ...], seed: int) -> tuple[int, float]:
        logprobs = model(torch.tensor([[*prompt, *written]])).logits[0, -1].log_softmax(-1)
        token = int(logprobs.argmax())
        return token, float(logprobs[token])

    return draw


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_somebody_else_gets_the_same_figures_from_the_folder_and_from_a_server_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, run, exported = tmp_path / "mine.toml", tmp_path / "run", tmp_path / "exported"
    recipe.write_text(RECIPE)
    command(capsys, "train", str(recipe), "--run", str(run))
    by_steps = command(capsys, "evaluate", str(run), "--checkpoints", "all", "--run", str(tmp_path / "measured"))
    assert [row["checkpoint"] for row in by_steps] == ["step-000000"] * 2 + ["step-000001"] * 2
    mine = figures([row for row in by_steps if row["checkpoint"] == "step-000001"])
    command(capsys, "export", str(run), str(exported))

    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.move(exported, empty / "his")
    for left in (run, recipe):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    his = subprocess.run(
        [sys.executable, "-m", "mem1", "evaluate", "his", "--json"],
        cwd=empty,
        env=os.environ | {"HOME": str(empty)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert his.returncode == 0, his.stderr
    assert figures(json.loads(his.stdout)) == mine

    folder = empty / "his"
    with Server(Model(load_tokenizer(str(folder)), greedy(folder))) as server:
        how = f'type = "openai", base_url = "{server.url}", style = "completion", exact = true, tokenizer = "{folder}"'
        words = [
            "evaluate",
            str(folder),
            "--set",
            f"engine={{ {how} }}",
            "--model",
            "his",
            "--run",
            str(empty / "served"),
        ]
        served = command(capsys, *words)
    assert figures(served) == mine
