"""Runs whose policy and retention are those of the shipped parallel policy, with made-up figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation, Metric, Retention
from mem1.report.beside.recorded import taught_alike
from mem1.storage.run_dir import RunDir
from mem1.types import Composition
from tests.unit.report.synthetic import make_run

KEPT = {4: 0.9, 8: 0.8, 16: 0.7, 32: 0.6}
"""What ``state`` keeps of its score at two objectives."""


def parallel_run(root: Path, *, model: str | None = None, base: int = 2) -> RunDir:
    """A made-up run of ``model`` (``None``: that beside which policies are recorded) under full, window and state."""
    run = make_run(root)
    for label in ("warm_start", "trained"):
        found = run.read_evaluation(label, Evaluation)
        policy = found.plan.policy.model_copy(update={"model": model or taught_alike().beside})
        retention = tuple(_retention(n, share, base) for n, share in KEPT.items())
        changes: dict[str, Any] = {
            "plan": found.plan.model_copy(update={"policy": policy}),
            "retention": retention,
        }
        run.write_evaluation(label, found.model_copy(update=changes))
    return run


def _retention(objectives: int, share: float, base: int) -> Retention:
    return Retention(
        strategy="state",
        composition=Composition.PARALLEL,
        objectives=objectives,
        session=False,
        base=base,
        measure=Measure.EM_PER_OBJECTIVE,
        ratio=Metric(mean=share, low=share - 0.1, high=share + 0.1, n=12),
    )
