"""The report's tables, as plain entries that HTML, Markdown and JSON write each in its way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import FEWEST_FOR_VERDICT, Cell, CellKey, Evaluation, Metric
from mem1.evaluation.statistics import told_apart
from mem1.report.data import RunData, bootstrap_of, compositions, horizons, sessions, unique
from mem1.report.figures.facts import FactMap
from mem1.report.figures.svg import Chart
from mem1.report.numbers import compact, interval_of, mean_of, number, power, signed
from mem1.types import StopReason


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: its text, and an interval or remark that stands smaller beside it."""

    text: str
    aside: str = ""
    strong: bool = False

    @property
    def starred(self) -> str:
        """The text, with a star where it is strong."""
        return f"{self.text}*" if self.strong else self.text


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head, its unit, whether it holds numbers, what it means, and whether it belongs to the one before."""

    head: str
    unit: str = ""
    numeric: bool = True
    meaning: str = ""
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a note on how to read it."""

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Entry, ...], ...]

    def records(self, heads: Iterable[str]) -> list[dict[str, str]]:
        """The named columns' entries without asides, a star at strong ones; columns that are not there left out."""
        places = {column.head: k for k, column in enumerate(self.columns)}
        chosen = [head for head in heads if head in places]
        return [{head: row[places[head]].starred for head in chosen} for row in self.rows]

    @property
    def asides(self) -> tuple[bool, ...]:
        """Which columns have entries with an aside: those are set in two, so that means stay aligned."""
        return tuple(any(row[k].aside for row in self.rows) for k in range(len(self.columns)))


# Answer rate, actions per objective and early stopping stand beside every score: without them an
# agent that stops early looks like one that saves memory.
BESIDE_SCORES = (Measure.ANSWER_RATE, Measure.ACTIONS_PER_OBJECTIVE, Measure.EARLY_STOP)
# What readers look for comes first; how many failed and the number of tasks follow it, then the rest.
FIRST = (Measure.PEAK_WITHOUT_PROMPT, Measure.ANSWER_RATE, Measure.TOKENS)
SIDE_BY_SIDE = (
    *(measure for measure in BESIDE_SCORES if measure not in FIRST),
    Measure.MALFORMED,
    Measure.PEAK,
    Measure.TOKENS_REUSED,
    Measure.SECONDS,
    Measure.COST,
)


def before_and_after(data: RunData, strategies: Iterable[str], title: str) -> Table | None:
    """The least and the most trained policy on the same tasks, with paired intervals."""
    pair = data.before_and_after
    if pair is None:
        return None
    first, last = pair
    pairs = [
        (old, new)
        for strategy in strategies
        for key in keys_of(last)
        if (old := first.cell(strategy, key)) is not None and (new := last.cell(strategy, key)) is not None
    ]
    if not pairs:
        return None
    rows = _changes(pairs, last)
    columns = [_text("Strategy"), _text("Tasks")]
    scores = last.scored
    for measure in scores:
        label = spec_of(measure).label
        columns += [Column(f"{label} before"), Column("after", joined=True)]
        columns.append(Column("difference", meaning="after less before, paired by task", joined=True))
    for measure in BESIDE_SCORES:
        columns += [Column(f"{spec_of(measure).label} before"), Column("after", joined=True)]
    columns.append(Column("n", "tasks"))
    return Table(
        title=title,
        note=f"Before: {first.label}. After: {last.label}. {_named(scores)} summed over objectives. "
        f"{confidence_note(last)} Differences are paired by task. {stars_note(last, '0', len(scores) * len(rows))}",
        columns=tuple(columns),
        rows=tuple(rows),
    )


def side_by_side(evaluation: Evaluation, *, all_measures: bool = False) -> Table:
    """Every strategy at every horizon: the main measures, or all of them with all intervals."""
    scores = evaluation.scored
    every = tuple(unique(measure for cell in evaluation.cells for measure in cell.metrics))
    first = (*scores, *FIRST)
    rest = every if all_measures else (*(f"{name}{PER_OBJECTIVE}" for name in scores[:1]), *SIDE_BY_SIDE)
    behind = tuple(m for m in rest if m not in first and (m != Measure.COST or priced(evaluation)))
    bounded = every if all_measures else None
    title = "All measures with their intervals" if all_measures else "Strategies side by side"
    columns = [_text("Tasks"), _text("Strategy")]
    columns += [_column(evaluation, m) for m in first]
    columns += [Column("Failed", "episodes"), Column("n", "tasks")]
    columns += [_column(evaluation, m) for m in behind]
    rows = [
        (
            Entry(tasks_of(key)),
            Entry(cell.strategy),
            *(entry_of(cell, measure, bounded) for measure in first),
            Entry(str(cell.failed), strong=cell.failed > 0),
            count_entry(cell),
            *(entry_of(cell, measure, bounded) for measure in behind),
        )
        for key in keys_of(evaluation)
        for cell in evaluation.cells
        if cell.key == key
    ]
    return Table(
        title=f"{title}: {evaluation.label}",
        note=f"{confidence_note(evaluation)} {_named(scores)} summed over objectives. Failed episodes are "
        "counted, and in no score and no cost." + budget_note(evaluation),
        columns=tuple(columns),
        rows=tuple(rows),
    )


def endings(evaluation: Evaluation) -> Table:
    """How episodes ended: by the policy's answer, at a limit, or with which error."""
    rows = [
        (
            Entry(tasks_of(key)),
            Entry(cell.strategy),
            *(Entry(str(cell.stops.get(reason, 0))) for reason in StopReason),
            Entry(str(cell.unscored)),
            Entry(_causes(cell)),
            Entry(str(cell.episodes)),
        )
        for key in keys_of(evaluation)
        for cell in evaluation.cells
        if cell.key == key
    ]
    heads = [Column(reason.value.replace("_", " "), "episodes") for reason in StopReason]
    return Table(
        title=f"How episodes ended: {evaluation.label}",
        note="An episode that reaches the turn limit or the context limit is scored with the answers it has given.",
        columns=(
            *(_text("Tasks"), _text("Strategy"), *heads),
            *(Column("not scored", "episodes"), _text("Errors"), Column("n", "episodes")),
        ),
        rows=tuple(rows),
    )


def strategy_differences(evaluation: Evaluation) -> Table | None:
    """Paired differences between strategies."""
    shown = (*evaluation.scored, *BESIDE_SCORES, Measure.PEAK_WITHOUT_PROMPT)
    found = [one for one in evaluation.comparisons if one.measure in shown]
    if not found:
        return None
    by_pair = unique((CellKey(c.composition, c.objectives, c.session), c.left, c.right) for c in found)
    index = {(CellKey(c.composition, c.objectives, c.session), c.left, c.right, c.measure): c.difference for c in found}
    apart = dict(
        zip(index, told_apart([(one, 0.0) for one in index.values()], evaluation.plan.confidence), strict=True)
    )
    rows = []
    for key, left, right in by_pair:
        entries = []
        for measure in shown:
            place = (key, left, right, measure)
            entries.append(difference_entry(measure, index.get(place), strong=apart.get(place, False)))
        n = max(d.n for m in shown if (d := index.get((key, left, right, m))) is not None)
        rows.append((Entry(tasks_of(key)), Entry(f"{right} − {left}"), *entries, Entry(str(n))))
    return Table(
        title="Differences between strategies",
        note=f"Paired by task, same tasks and seeds. {confidence_note(evaluation)} "
        + stars_note(evaluation, "0", len(index)),
        columns=(
            _text("Tasks"),
            _text("Difference"),
            *(Column(spec_of(m).label, spec_of(m).unit, True, spec_of(m).meaning) for m in shown),
            Column("n", "tasks"),
        ),
        rows=tuple(rows),
    )


def views_table(rows: tuple[dict[str, Any], ...]) -> Table | None:
    """How far each training view is from what the policy saw (method section 2)."""
    if not rows:
        return None
    names = unique(name for row in rows for name in row)
    numeric = {name: all(isinstance(row.get(name), int | float | None) for row in rows) for name in names}
    return Table(
        title="Exactness of the training views",
        note="Per-token |log p(train) − log p(rollout)| before any update: what a view gets wrong, it trains on.",
        columns=tuple(Column(name.replace("_", " "), numeric=numeric[name]) for name in names),
        rows=tuple(tuple(Entry(_plain(row.get(name))) for name in names) for row in rows),
    )


def chart_table(chart: Chart) -> Table:
    """A chart's numbers, for readers who do not see it."""
    rows = []
    for series in chart.series:
        for p in series.points:
            interval = f"{p.low:.4g} … {p.high:.4g}" if p.low is not None and p.high is not None else ""
            rows.append((Entry(series.name or chart.title), Entry(f"{p.x:g}"), Entry(f"{p.y:.4g}", interval)))
    return Table(chart.title, "", (_text("Line"), Column(chart.x.label), Column(chart.y.label)), tuple(rows))


def map_table(one: FactMap) -> Table:
    """What became of each answer of a map, for readers who do not see it."""
    rows = [
        (
            Entry(str(fact.objective + 1)),
            Entry(one.answers[fact.objective] if fact.objective < len(one.answers) else ""),
            Entry("–" if fact.found is None else str(fact.found + 1)),
            Entry(str(fact.due + 1)),
            Entry("–" if fact.lost is None else str(fact.lost + 1)),
            Entry(fact.fate.value),
        )
        for fact in one.histories
    ]
    heads = (("Objective", True), ("Answer", False), ("found", True), ("due", True), ("lost", True), ("fate", False))
    return Table(one.title, "Turns, counted from 1.", tuple(Column(h, "", n) for h, n in heads), tuple(rows))


def confidence_note(evaluation: Evaluation) -> str:
    """What the intervals are."""
    return (
        f"Intervals: {evaluation.plan.confidence * 100:g} %, over tasks and one that was not seen "
        f"({evaluation.plan.resamples} draws, seed {evaluation.plan.seed}); a cost's interval of no width means that "
        "all tasks had the same value."
    )


def stars_note(evaluation: Evaluation, null: str, count: int) -> str:
    """What bold stands for, in a table of ``count`` comparisons."""
    share = 100 * (1 - evaluation.plan.confidence)
    return (
        f"Bold: the interval excludes {null}, there are {FEWEST_FOR_VERDICT} tasks or more, and it holds among all "
        f"{count} comparisons of this table together (Holm): if nothing differed, at most {share:g} % of such tables "
        "would have a bold entry."
    )


def _changes(pairs: list[tuple[Cell, Cell]], last: Evaluation) -> list[tuple[Entry, ...]]:
    """A line for each pair of cells, before and after."""
    scores = last.scored
    found = [[bootstrap_of(last).paired(old, new, measure) for measure in scores] for old, new in pairs]
    apart = iter(told_apart([(one, 0.0) for line in found for one in line], last.plan.confidence))
    rows = []
    for (old, new), line in zip(pairs, found, strict=True):
        entries: list[Entry] = [Entry(new.strategy), Entry(tasks_of(new.key))]
        for measure, difference in zip(scores, line, strict=True):
            entries += [entry_of(old, measure), entry_of(new, measure)]
            entries.append(difference_entry(measure, difference, strong=next(apart)))
        entries += [entry_of(cell, measure) for measure in BESIDE_SCORES for cell in (old, new)]
        rows.append((*entries, Entry(str(max((one.n for one in line if one is not None), default=0)))))
    return rows


def entry_of(cell: Cell, measure: str, bounded: tuple[str, ...] | None = None) -> Entry:
    """A measure's mean, with its interval where it is one of ``bounded``, by default the main metric and the peak."""
    bounded = (*cell.scored[:1], Measure.PEAK_WITHOUT_PROMPT) if bounded is None else bounded
    metric = cell.metrics.get(measure)
    aside = interval_of(measure, metric) if measure in bounded else ""
    return Entry(mean_of(measure, metric), aside)


def count_entry(cell: Cell) -> Entry:
    """How many tasks, and how many of them differ where some repeat."""
    return Entry(str(cell.contents), f"of {len(cell.tasks)}, repeats" if cell.alike else "")


def _causes(cell: Cell) -> str:
    if cell.failures:
        return "; ".join(f"{one.count} x {one.type}: {one.message}" for one in cell.failures)
    return ", ".join(f"{name} {count}" for name, count in cell.errors.items()) or "–"


def priced(evaluation: Evaluation) -> bool:
    """Whether it is known what episodes cost."""
    return any(Measure.COST in cell.metrics for cell in evaluation.cells)


def budget_note(evaluation: Evaluation) -> str:
    """What an equal budget means, where there is one."""
    cap = evaluation.plan.equal_budget
    if cap is None:
        return ""
    return (
        f" Equal budgets: no call of any strategy may need more than {cap} tokens beside the prompt; an episode that "
        "would ends at the context limit."
    )


def difference_entry(measure: str, difference: Metric | None, *, strong: bool) -> Entry:
    """A paired difference."""
    if difference is None:
        return Entry("–")
    text = signed(difference.mean, spec_of(measure).decimals)
    return Entry(text, interval_of(measure, difference, sign=True), strong=strong)


def keys_of(evaluation: Evaluation) -> list[CellKey]:
    """What was run, horizons first, in the order of tables."""
    keys = [key for composition in compositions(evaluation) for key in horizons(evaluation, composition)]
    return keys + list(unique(cell.key for cell in sessions(evaluation)))


def tasks_of(key: CellKey) -> str:
    """Which tasks, in words."""
    return f"session of {key.objectives}" if key.session else f"{key.composition} {key.objectives}"


def _column(evaluation: Evaluation, measure: str) -> Column:
    spec, prices = spec_of(measure), evaluation.plan.prices
    unit = prices.currency if measure == Measure.COST and prices is not None else spec.unit
    return Column(spec.label, unit, True, spec.meaning)


def _named(scores: Sequence[str]) -> str:
    """Metrics and a verb: ``EM and F1 are``."""
    labels = [spec_of(name).label for name in scores]
    return f"{' and '.join(labels)} {'is' if len(labels) == 1 else 'are'}" if labels else "Scores are"


def _text(head: str) -> Column:
    return Column(head, numeric=False)


def _plain(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return compact(value)
        case float():
            return "0" if value == 0 else power(value) if abs(value) < 1e-4 else number(value, 4)
        case _:
            return str(value)
