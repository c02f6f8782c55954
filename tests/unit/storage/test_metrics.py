"""Metrics: one line a step."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.storage.metrics import MetricsWriter, read_metrics


def test_round_trip_with_nan_as_null(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(1, {"reward": 0.5, "kl": float("nan"), "entropy": float("inf"), "note": "é"})
    assert list(read_metrics(path)) == [{"step": 1, "reward": 0.5, "kl": None, "entropy": None, "note": "é"}]


def test_a_resumed_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    for step in (1, 2):
        with MetricsWriter(path) as writer:
            writer.write(step, {})
    assert [row["step"] for row in read_metrics(path)] == [1, 2]


@pytest.mark.parametrize("line", ["{", "[]", '{"reward": 1}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n')
    with pytest.raises(StorageError, match="line 2"):
        list(read_metrics(path))
