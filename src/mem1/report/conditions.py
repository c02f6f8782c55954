"""What time and money depend on besides the strategy, in words."""

from __future__ import annotations

import shlex
from pathlib import Path

from mem1.evaluation.findings import findings
from mem1.evaluation.records import Conditions, Evaluation
from mem1.report.data import RunData


def conditions_note(evaluation: Evaluation) -> str:
    """Under what conditions time and money were measured, with the share of the prompt that came from a cache."""
    if evaluation.conditions:
        text = "Time and money: " + "; then ".join(_told(one) for one in evaluation.conditions) + "."
    else:
        text = (
            "Time and money: one strategy after the other, under conditions that were not recorded; later ones may "
            "have found warm caches or another load."
        )
    shares = {
        name: [
            cell.cached_share for cell in evaluation.cells if cell.strategy == name and cell.cached_share is not None
        ]
        for name in evaluation.plan.strategies
    }
    told = [f"{name} {100 * sum(some) / len(some):.0f} %" for name, some in shares.items() if some]
    return text + (f" Of prompt tokens the backend had in its cache: {', '.join(told)}." if told else "")


def report_findings(data: RunData) -> tuple[str, ...]:
    """What must be known before the figures of any evaluation of a run; its label in front where there are several."""
    several = len(data.evaluations) > 1
    return tuple(
        f"{one.label}: {text}" if several else text
        for one in reversed(data.evaluations)
        for text in findings(one, resume_command(data.run.path, one.label))
    )


def resume_command(run: Path, label: str) -> str:
    """What runs the missing and failed episodes of an evaluation of ``run``, for a shell."""
    where = shlex.quote(str(run))
    if label == "evaluation":
        return f"mem1 evaluate {shlex.quote(str(run / 'config.toml'))} --run {where} --resume && mem1 report {where}"
    return f"the command that made it, with --run {where} --resume"


def _told(one: Conditions) -> str:
    order = "strategies interleaved task by task" if one.interleaved else "one strategy after the other"
    load = "" if one.load is None else f", machine load {one.load:.1f} on {one.cores} cores"
    return f"{one.episodes} episodes, {one.concurrency} at a time, {order}{load}"
