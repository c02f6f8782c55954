"""A new small policy in the shop through the command line: warm start, reinforcement learning, evaluation, viewer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.report.viewer.pages import Viewer
from mem1.storage.run_dir import RunDir

SMALL = (
    *("--tiny.layers", "2", "--tiny.intermediate", "64", "--tiny.vocabulary", "512", "--set", "watch_tasks=2"),
    *("--lessons.products", "10", "--lessons.per_lesson", "4", "--lessons.mixed", "1"),
    *("--warmstart.steps", "4", "--warmstart.episodes_per_step", "2", "--warmstart.evaluate_every", "4"),
    *("--warmstart.optimizer.warmup", "1", "--env.turns_per_goal", "3", "--env.shown", "2"),
    *("--train.steps", "1", "--train.tasks_per_step", "2", "--train.group_size", "2"),
    *("--train.evaluate_every", "1", "--evaluate.horizons", "[1, 2]", "--evaluate.tasks", "2"),
)
RECIPES = Path(__file__).parents[2] / "recipes"
WARMSTART, RECIPE = str(RECIPES / "webshop-warmstart.toml"), str(RECIPES / "webshop-tiny.toml")


def command(capsys: pytest.CaptureFixture[str], *words: str) -> object:
    """Run a command that must succeed; what it printed as JSON."""
    code = main([*words, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err + printed.out
    return json.loads(printed.out)


@pytest.mark.slow
def test_from_a_new_model_to_the_viewer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warm, trained, measured = tmp_path / "warm", tmp_path / "trained", tmp_path / "measured"
    turns = ("--env.turns_per_goal", "6")  # enough to buy within; an untrained policy is let off after three
    command(capsys, "warmstart", WARMSTART, *SMALL, *turns, "--run", str(warm))
    losses = [
        row["warmstart/loss"]
        for row in map(json.loads, (warm / "metrics.jsonl").read_text().splitlines())
        if "warmstart/loss" in row
    ]
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    model = f"model={warm / 'checkpoints' / 'step-000004' / 'model'}"
    command(
        capsys, "train", RECIPE, *SMALL, "--set", model, "--run", str(trained), "--set",
        'train.algorithm={type="reinforce++", subtract_group_mean=false}',
    )  # fmt: skip
    model = f"model={trained / 'checkpoints' / 'step-000001' / 'model'}"
    command(capsys, "evaluate", RECIPE, *SMALL, "--set", model, "--run", str(measured))
    report = RunDir.open(measured)
    viewer = Viewer(report)
    try:
        assert "1–8 of 8" in viewer.index({})  # 2 horizons x 2 tasks x 2 strategies
    finally:
        viewer.catalogue.close()
