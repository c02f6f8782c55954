"""A policy trained on internal retrieval on the web, zero-shot: recorded, replayed, and in the paper's table."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import web_transfer
from mem1.cli.main import main

RECIPE = Path(__file__).parents[2] / "recipes" / "paper" / "web-recorded.toml"


def test_the_shipped_recording_replays_without_a_key_and_gives_the_paper_s_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cells with one objective. Another policy asks for other things: make the recording anew then."""
    monkeypatch.setattr("mem1.http.client.HttpClient.__init__", lambda *a, **b: pytest.fail("a client was made"))
    run = tmp_path / "web"
    small = ["--evaluate.horizons", "[1]", "--evaluate.tasks", "8"]
    assert main(["evaluate", str(RECIPE), "--run", str(run), *small, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row.get("strategy") for row in rows] == ["full", "state"]
    assert not any(row.get("failed") for row in rows)
    counted = json.loads((run / "web.json").read_text())
    assert counted.keys() == {"searches"}
    assert counted["searches"] >= 8
    assert main(["report", str(run), "--paper"]) == 0
    text = (run / "paper.md").read_text(encoding="utf-8")
    table = text[text.index("Open web, scorer standard") :]
    assert "dependency ×10⁶" in table
    assert all(f"evaluation: {strategy}" in table for strategy in ("full", "state"))
    assert "MEM1, web, zero-shot" in text[text.index("Open web, scorer mem1-released") :]


@pytest.mark.slow
def test_a_web_evaluation_is_recorded_once_and_replays_byte_for_byte(tmp_path: Path) -> None:
    figures = web_transfer.run(quick=True)
    assert figures["same"] == 1.0
    assert figures["searches"] > 10
    assert figures["state, 1 objectives: em"] > 0.5  # taught elsewhere, and never on the web
    assert figures["state, 2 objectives: peak_without_prompt"] < figures["full, 2 objectives: peak_without_prompt"]
