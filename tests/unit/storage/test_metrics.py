"""Metrics: one line a step, rewound when a run resumes."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.storage.metrics import MetricsWriter, read_metrics, rewind_metrics


def store(path: Path, *steps: int) -> None:
    with MetricsWriter(path) as writer:
        for step in steps:
            writer.write(step, {"reward": step / 4})


def test_round_trip_with_nan_as_null(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(1, {"reward": 0.5, "kl": float("nan"), "entropy": float("inf"), "note": "é"})
    assert list(read_metrics(path)) == [{"step": 1, "reward": 0.5, "kl": None, "entropy": None, "note": "é"}]


def test_rewinding_drops_later_steps_only(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    store(path, 1, 2, 3)
    rewind_metrics(path, 2)
    store(path, 3, 4)
    assert [row["step"] for row in read_metrics(path)] == [1, 2, 3, 4]


def test_rewinding_nothing(tmp_path: Path) -> None:
    rewind_metrics(tmp_path / "m.jsonl", 2)
    assert not (tmp_path / "m.jsonl").exists()


@pytest.mark.parametrize("line", ["{", "[]", '{"reward": 1}'])
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(f'{{"step": 1}}\n{line}\n')
    with pytest.raises(StorageError, match="line 2"):
        list(read_metrics(path))
