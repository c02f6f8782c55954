"""The table of a run of the shipped parallel policy beside policies of other memories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Metric
from mem1.report.beside.charts import recorded_for
from mem1.report.beside.recorded import BASE, Point, TaughtAlike
from mem1.report.data import RunData, horizons
from mem1.report.numbers import number
from mem1.report.tables import Column, Entry, Table, confidence_note

_NOTHING = Entry("–")


def taught_table(data: RunData) -> Table | None:
    """EM an objective by memory and number of objectives, on how many tasks and seeds, and what each saw."""
    found, last = recorded_for(data), data.last
    if found is None or last is None:
        return None
    own = {}
    for key in horizons(last, found.composition):
        cell = last.cell(data.main_strategy, key)
        metric = cell.metrics.get(Measure.EM_PER_OBJECTIVE) if cell else None
        if metric is not None and key.objectives >= BASE:
            own[key.objectives] = metric
    recorded = {memory: {n: one for n, one in found.scores(memory).items() if n >= BASE} for memory in found.memories}
    lengths = sorted({*own, *(n for scores in recorded.values() for n in scores)})
    trained = f"; reinforcement learning in this run, {last.policy.version} steps" if last.policy.version else ""
    rows = [_row(f"{data.main_strategy}, this run", own, lengths, "1", found.saw + trained)]
    rows += [
        _row(memory, scores, lengths, _seeds(found, memory), _saw(found, memory)) for memory, scores in recorded.items()
    ]
    return Table(
        title="EM an objective, each memory with a policy that was taught for it",
        note=f"{found.note} {confidence_note(last)} With one seed the others' intervals are of the same kind; with "
        "several they are the range of the seeds. Nothing is paired.",
        columns=(
            Column("Memory", numeric=False),
            *(Column(str(n), "objectives") for n in lengths),
            Column("n", "tasks"),
            Column("Seeds"),
            Column("Taught on", numeric=False),
        ),
        rows=tuple(rows),
    )


def _row(
    name: str, scores: Mapping[int, Metric | Point], lengths: Sequence[int], seeds: str, saw: str
) -> tuple[Entry, ...]:
    counts = ", ".join(str(scores[n].n) if n in scores else "–" for n in lengths)
    return (Entry(name), *(_score(scores.get(n)) for n in lengths), Entry(counts), Entry(seeds), Entry(saw))


def _score(one: Metric | Point | None) -> Entry:
    if one is None:
        return _NOTHING
    if one.low is None or one.high is None:
        return Entry(number(one.mean, 2))
    return Entry(number(one.mean, 2), f"{number(one.low, 2)} … {number(one.high, 2)}")


def _seeds(found: TaughtAlike, memory: str) -> str:
    """How many, and where not all were measured at every length how few."""
    policies = found.of(memory)
    counts = {sum(n in each.at for each in policies) for one in policies for n in one.at if n >= BASE}
    return "-".join(str(count) for count in sorted({min(counts), max(counts)}))


def _saw(found: TaughtAlike, memory: str) -> str:
    return "; ".join(dict.fromkeys(one.saw for one in found.of(memory)))
