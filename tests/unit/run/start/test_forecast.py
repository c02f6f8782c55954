"""What a task of one's own can take at most: turns times the largest call, within the limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.config import build
from mem1.run.config import RunConfig
from mem1.run.start.forecast import forecast


def config(**changes: Any) -> RunConfig:
    data = {
        "engine": {"type": "openai", "base_url": "http://127.0.0.1:9/v1", "prices": {"input": 1.0, "output": 10.0}},
        "memory": {"type": "state", "budgets": {"state": 300, "action": 100, "observation": 200}},
        "limits": {"turns": 10},
        "told": 50,
    }
    return build(RunConfig, data | changes, where="test")


def test_a_call_holds_the_prompt_and_the_bound_of_the_memory() -> None:
    found = forecast(config(), ["Find it."])
    longer = forecast(config(told=1050), ["Find it."])
    assert found["turns at most"] == 10
    assert longer["tokens at most"] - found["tokens at most"] == 10 * 1000
    prompt = found["tokens at most"] / 10 - (2 * (300 + 100) + 200)  # 2 (state + action) + observation
    assert prompt > 50
    # 400 tokens are written in each of ten calls, the rest is read.
    assert found["cost at most"] == pytest.approx(10 * ((prompt + 600) * 1.0 + 400 * 10.0) / 1e6)


def test_a_limit_that_is_reached_first_holds() -> None:
    found = forecast(config(limits={"turns": 10, "tokens": 1234, "cost": 0.001}), ["a", "b"])
    assert (found["tasks"], found["tokens at most"], found["cost at most"]) == (2, 2468, pytest.approx(0.002))


def test_a_history_holds_the_models_context() -> None:
    engine = {"type": "openai", "base_url": "http://127.0.0.1:9/v1", "max_context": 8000}
    found = forecast(config(engine=engine, memory={"type": "full"}), ["a"])
    assert (found["tokens at most"], found["cost at most"]) == (80_000, None)


def test_the_command_asks_nobody_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "Find it.", "--url", "http://127.0.0.1:9/v1", "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["turns at most"] == 100
    assert list(tmp_path.iterdir()) == []
