"""The verdict: what each strategy costs and saves against the baseline, in one short table."""

from __future__ import annotations

from collections.abc import Iterator

from mem1.evaluation.measures import Measure, spec_of
from mem1.evaluation.records import Evaluation, Metric, Verdict
from mem1.report.conditions import conditions_note
from mem1.report.numbers import number
from mem1.report.tables import (
    BESIDE_SCORES,
    Column,
    Entry,
    Table,
    budget_note,
    confidence_note,
    difference_entry,
    entry_of,
    keys_of,
    priced,
    stars_note,
    tasks_of,
)

COSTS = ("Tasks", "Strategy", "Peak", "Tokens", "Cached", "Time", "Money", "n")


def quality_heads(evaluation: Evaluation) -> list[str]:
    """The columns of differences: ``ΔEM``, ``ΔF1``."""
    return [f"Δ{spec_of(name).label}" for name in evaluation.scored]


def quality_columns(evaluation: Evaluation) -> tuple[str, ...]:
    """The columns about quality."""
    return ("Tasks", "Strategy", *quality_heads(evaluation), "Answered", "Actions", "Early", "n")


def verdict_table(evaluation: Evaluation) -> Table | None:
    """Differences in quality and ratios of cost; ``None`` where the baseline was not run."""
    if not evaluation.verdicts:
        return None
    with_money = priced(evaluation)
    rows = [
        _row(evaluation, verdict, with_money)
        for key in keys_of(evaluation)
        for verdict in evaluation.verdicts
        if verdict.key == key
    ]
    baseline = evaluation.plan.baseline
    labels = [spec_of(name).label for name in evaluation.scored]
    columns = [
        Column("Tasks", numeric=False),
        Column("Strategy", numeric=False),
        *(
            Column(f"Δ{label}", meaning=f"{label} less that of {baseline}, summed over objectives, paired by task")
            for label in labels
        ),
        Column("Answered", meaning=spec_of(Measure.ANSWER_RATE).meaning),
        Column("Actions", "per objective", meaning=spec_of(Measure.ACTIONS_PER_OBJECTIVE).meaning),
        Column("Early", meaning=spec_of(Measure.EARLY_STOP).meaning),
        Column("Peak", "×", meaning=f"peak less P / that of {baseline}"),
        Column("Tokens", "×", meaning="prefill + decode, nothing cached"),
        Column("Cached", "× tokens", meaning="prefill + decode, what a prefix cache holds left out"),
        Column("Time", "×", meaning="wall time of an episode"),
    ]
    if with_money:
        columns.append(Column("Money", "×", meaning="cost of an episode"))
    columns.append(Column("n", "tasks"))
    return Table(
        title=f"What each strategy costs and saves against {baseline}",
        note=f"Each line: the strategy less {baseline} ({', '.join(quality_heads(evaluation))}), or as a multiple of "
        f"it (×; below 1 is saved). n: tasks that both finished. {confidence_note(evaluation)} "
        + stars_note(evaluation, "0, or 1", sum(_told(rows, len(labels))))
        + " Side calls are in all figures. "
        + conditions_note(evaluation)
        + budget_note(evaluation),
        columns=tuple(columns),
        rows=tuple(rows),
    )


def _row(evaluation: Evaluation, verdict: Verdict, with_money: bool) -> tuple[Entry, ...]:
    cell = evaluation.cell(verdict.strategy, verdict.key)
    assert cell is not None, "a verdict is on a cell"
    ratios = {name: metric for name, (metric, null) in verdict.results.items() if null == 1}
    if not with_money:
        del ratios["cost"]
    return (
        Entry(tasks_of(verdict.key)),
        Entry(verdict.strategy),
        *(
            difference_entry(name, verdict.scores.get(name), strong=name in verdict.told_apart)
            for name in evaluation.scored
        ),
        *(entry_of(cell, measure) for measure in BESIDE_SCORES),
        *(_ratio(ratios[name], strong=name in verdict.told_apart) for name in ratios),
        _count(list(verdict.scores.values()), list(ratios.values())),
    )


def _told(rows: list[tuple[Entry, ...]], scores: int) -> Iterator[int]:
    """How many comparisons each line holds."""
    for row in rows:
        yield sum(entry.text != "–" for entry in (*row[2 : 2 + scores], *row[5 + scores : -1]))


def _count(quality: list[Metric | None], costs: list[Metric | None]) -> Entry:
    """On how many tasks the line rests: those that both finished; two numbers where scores rest on fewer than costs."""
    scored, paid = (sorted({metric.n for metric in some if metric is not None}) for some in (quality, costs))
    if not scored or not paid or scored == paid:
        return Entry(_span(scored or paid))
    return Entry(f"{_span(scored)}, costs {_span(paid)}")


def _span(counts: list[int]) -> str:
    return "0" if not counts else str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _ratio(ratio: Metric | None, *, strong: bool) -> Entry:
    if ratio is None:
        return Entry("–")
    if ratio.low is None or ratio.high is None:
        return Entry(number(ratio.mean, 2))
    interval = f"{number(ratio.low, 2)} … {number(ratio.high, 2)}"
    return Entry(number(ratio.mean, 2), interval, strong=strong)
