"""``benchmarks/one_gpu.py``: parts that fail or run over are reported; settings leave the gradient as it is."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from benchmarks import one_gpu
from benchmarks.on_gpu import Figures
from benchmarks.one_gpu import Bench, by_part, checkpointing, limited, rows_by_tokens


def test_a_part_that_fails_or_runs_over_is_reported_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(bench: Bench) -> Figures:
        raise ValueError("no such kernel")

    def slow(bench: Bench) -> Figures:
        time.sleep(30)
        return {}

    monkeypatch.setattr(one_gpu, "PARTS", {"broken": broken, "slow": slow, "whole": lambda bench: {"ratio": 2.0}})
    figures = by_part(Bench("cpu", small=True, limit=1), seconds=60, file=tmp_path / "figures.json")

    assert figures["broken"]["failed"] == "ValueError: no such kernel"
    assert figures["slow"]["failed"] == "TimeoutError: not done after 1 seconds"
    assert figures["whole"]["ratio"] == 2.0
    assert json.loads((tmp_path / "figures.json").read_text()) == figures


def test_no_part_begins_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_gpu, "PARTS", {"late": lambda bench: {}})
    assert by_part(Bench("cpu", small=True), seconds=-1)["late"]["left out"] == "no time"


def test_a_limit_leaves_no_alarm_behind() -> None:
    with limited(1):
        pass
    time.sleep(1.1)  # an alarm that is still set would end the process


def test_activations_computed_again_give_the_gradient_of_those_that_were_kept() -> None:
    assert checkpointing(Bench("cpu", small=True))["gradients apart"] < 1e-6


def test_rows_of_fewer_tokens_give_the_same_gradient_but_for_the_rounding_of_bfloat16() -> None:
    found = rows_by_tokens(Bench("cpu", small=True))
    assert found["512"]["rows"] > found["1024"]["rows"]
    assert found["1024"]["gradient against the first"] < 0.05
