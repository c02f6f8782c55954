"""The few numbers a reader should take away, each with its interval and its n."""

from __future__ import annotations

from dataclasses import dataclass

from mem1.evaluation.measures import Measure, spec_of
from mem1.evaluation.records import Cell, Evaluation, Metric
from mem1.evaluation.statistics import averaged, ratio_of_means
from mem1.report.data import RunData, bootstrap_of, compositions, horizons, sessions
from mem1.report.numbers import compact, number, signed


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure, what it is, and what it rests on."""

    figure: str
    meaning: str
    basis: str


def facts(data: RunData) -> list[Fact]:
    """What training changed, how context grows with the horizon, how it runs over the long session."""
    found = [_learning(data)]
    if data.last is not None:
        ordered = sorted(data.last.plan.strategies, key=lambda name: name != data.main_strategy)
        found += [_growth(data.last, name) for name in ordered[:3]]
        found += [_session(cell) for cell in sessions(data.last) if cell.strategy == ordered[0]]
    return [fact for fact in found if fact is not None]


def _learning(data: RunData) -> Fact | None:
    """The main metric at two objectives (else the smallest horizon), last policy against first."""
    pair = data.before_and_after
    if pair is None:
        return None
    first, last = pair
    strategy = data.main_strategy
    keys = [key for composition in compositions(last) for key in horizons(last, composition)]
    for key in sorted(keys, key=lambda key: (key.objectives != 2, key.objectives)):
        old, new = first.cell(strategy, key), last.cell(strategy, key)
        if old is None or new is None:
            continue
        if not new.scored:
            continue
        main = new.scored[0]
        difference = bootstrap_of(last).paired(old, new, main)
        before, after = old.metrics.get(main), new.metrics.get(main)
        if difference is None or before is None or after is None:
            continue
        label = spec_of(main).label
        return Fact(
            figure=f"{number(before.mean, 2)} → {number(after.mean, 2)}",
            meaning=f"summed {label} at {_count(key.objectives)}, {first.label} → {last.label} ({strategy})",
            basis=f"paired difference {signed(difference.mean, 2)}{_interval(difference, 2, sign=True)}, "
            f"n = {difference.n} tasks",
        )
    return None


def _growth(evaluation: Evaluation, strategy: str) -> Fact | None:
    """Peak without prompt at the longest horizon as a multiple of that at two objectives (else the shortest)."""
    for composition in compositions(evaluation):
        cells = [cell for key in horizons(evaluation, composition) if (cell := evaluation.cell(strategy, key))]
        cells = [cell for cell in cells if cell.known(Measure.PEAK_WITHOUT_PROMPT)]
        if len(cells) < 2:
            continue
        low = next((cell for cell in cells if cell.objectives == 2), cells[0])
        high = cells[-1]
        if low is high:
            continue
        ratio = ratio_of_means(_peaks(high), _peaks(low), bootstrap_of(evaluation).draw)
        if ratio is None:
            continue
        return Fact(
            figure=f"× {number(ratio.mean, 2 if ratio.mean < 10 else 1)}",
            meaning=f"peak context of {strategy}, {_count(high.objectives)} against {low.objectives}, prompt left out",
            basis=f"{_peak(low)} → {_peak(high)} tokens{_interval(ratio, 2, label='ratio ')}, n = {ratio.n} tasks each",
        )
    return None


def _session(cell: Cell) -> Fact | None:
    """Largest context in the second half of the session against the first."""
    if len(cell.trace) < 4:
        return None
    half = len(cell.trace) // 2
    early = max(point.largest_without_prompt for point in cell.trace[:half])
    late = max(point.largest_without_prompt for point in cell.trace[half:])
    if early == 0:
        return None
    return Fact(
        figure=f"× {number(late / early, 2)}",
        meaning=f"largest context of {cell.strategy} in the second half of a session of {_count(cell.objectives)}, "
        "against the first half",
        basis=f"{compact(early)} → {compact(late)} tokens, prompt left out, {len(cell.trace)} turns, "
        f"n = {cell.episodes} {'session' if cell.episodes == 1 else 'sessions'}",
    )


def _peaks(cell: Cell) -> list[float]:
    return list(averaged(cell.by_task(Measure.PEAK_WITHOUT_PROMPT), cell.first_alike).values())


def _peak(cell: Cell) -> str:
    return compact(cell.metrics[Measure.PEAK_WITHOUT_PROMPT].mean)


def _count(objectives: int) -> str:
    return f"{objectives} objective" + ("" if objectives == 1 else "s")


def _interval(metric: Metric, decimals: int, *, sign: bool = False, label: str = "") -> str:
    if metric.low is None or metric.high is None:
        return ""
    write = signed if sign else number
    return f" ({label}{write(metric.low, decimals)} … {write(metric.high, decimals)})"
