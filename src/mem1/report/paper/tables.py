"""The papers' tables, a user's rows beside the printed ones; figures of different conventions share no column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Metric
from mem1.report.data import unique
from mem1.report.numbers import number
from mem1.report.paper.published import Figures, Published, PublishedRow
from mem1.report.paper.rows import OwnRow
from mem1.report.tables import Column, Entry, Table

_NOTHING = Entry("–")
HORIZONS = (2, 8, 16, 32)
"""Where the papers measure."""

_OWN = "yours"
_UNSTATED = "unstated"


def summed(rows: Sequence[OwnRow], papers: Published, scorer: str, n: int) -> Table | None:
    """EM, F1, peak and seconds at ``n`` objectives under one scorer; ``None`` where no row has it."""
    mine = [row for row in rows if row.scorer == scorer and n in row.at]
    theirs = [row for row in printed_under(papers.multi_objective, scorer) if n in row.at]
    if not mine and not theirs:
        return None
    return Table(
        title=f"{n} objectives, summed, scorer {scorer}",
        note="EM and F1 are sums over a task's objectives. Peak: the largest prompt and completion of a turn, in "
        "hundreds of tokens; for your rows without the task prompt, as in the published script, and beside it with it. "
        + _about(scorer, theirs),
        columns=(*_heads(), Column("EM"), Column("F1"), Column("peak ×100"), Column("s")),
        rows=tuple(
            [_own(row, [n], _four(row, n)) for row in mine]
            + [_printed(row, papers, _printed_four(row.at.get(n))) for row in theirs]
        ),
    )


def per_objective(rows: Sequence[OwnRow], papers: Published, scorer: str) -> Table | None:
    """EM and F1 per objective at every horizon there is; printed sums divided by the number of objectives."""
    mine = [row for row in rows if row.scorer == scorer]
    theirs = printed_under(papers.multi_objective, scorer)
    if not mine and not theirs:
        return None
    horizons = sorted({n for row in mine for n in row.at} | {n for row in theirs for n in row.at})
    columns = [*_heads()]
    for n in horizons:
        columns += [Column(name, _objectives(n)) for name in ("EM", "F1")]

    def own(row: OwnRow, n: int) -> list[Entry]:
        metrics = row.at.get(n, {})
        return [_plain(metrics.get(m), 3) for m in (Measure.EM_PER_OBJECTIVE, Measure.F1_PER_OBJECTIVE)]

    def printed(row: PublishedRow, n: int) -> list[Entry]:
        figures = row.at.get(n, Figures())
        return [_value(None if v is None else v / n, 3) for v in (figures.em, figures.f1)]

    return Table(
        title=f"Per objective, scorer {scorer}",
        note="A share of the objectives, so that horizons compare. Your rows: the mean over scored objectives. "
        "Published rows: the printed sum divided by the number of objectives, which no paper prints itself.",
        columns=tuple(columns),
        rows=tuple(
            [_own(row, horizons, [e for n in horizons for e in own(row, n)]) for row in mine]
            + [_printed(row, papers, [e for n in horizons for e in printed(row, n)]) for row in theirs]
        ),
    )


def training(rows: Sequence[OwnRow], papers: Published, scorer: str) -> Table | None:
    """Summed EM over the horizon: reinforcement against supervised learning, as the MEM1 paper puts it."""
    theirs = printed_under(papers.training, scorer)
    horizons = sorted({n for row in papers.training for n in row.at})
    mine = [row for row in rows if row.scorer == scorer and any(n in row.at for n in horizons)]
    if not mine and not theirs:
        return None
    return Table(
        title=f"Summed EM over the horizon, scorer {scorer}",
        note="The published rows were trained on two objectives. " + _about(scorer, theirs),
        columns=(*_heads(), *(Column("EM", _objectives(n)) for n in horizons)),
        rows=tuple(
            [_own(row, horizons, [_mean(row.at.get(n, {}).get(Measure.EM), 3) for n in horizons]) for row in mine]
            + [_printed(row, papers, [_value(row.at.get(n, Figures()).em, 3) for n in horizons]) for row in theirs]
        ),
    )


def single(rows: Sequence[OwnRow], papers: Published, scorer: str) -> Table | None:
    """One objective: EM, F1, peak, seconds."""
    table = summed(rows, papers.model_copy(update={"multi_objective": papers.single_objective}), scorer, 1)
    return None if table is None else replace(table, title=f"One objective, scorer {scorer}")


def web(rows: Sequence[OwnRow], papers: Published, scorer: str) -> Table | None:
    """The open web: EM, F1, peak, dependency and seconds of your rows at every horizon, the printed rows beside them.

    ``None`` where none of yours has ``scorer``.
    """
    mine = [(row, n) for row in rows if row.scorer == scorer for n in sorted(row.at)]
    if not mine:
        return None
    theirs = [row for row in printed_under(papers.single_objective, scorer) if "web" in row.system]
    columns = ("objectives", "EM", "F1", "peak ×100", "dependency ×10⁶", "s")
    return Table(
        title=f"Open web, scorer {scorer}",
        note="Published rows have one objective. EM and F1 are sums over a task's objectives; peak is in hundreds of "
        "tokens, yours without the task prompt and beside it with it; dependency in millions of tokens squared. "
        + _about(scorer, theirs),
        columns=(*_heads(), *map(Column, columns)),
        rows=tuple(
            [_own(row, [n], [Entry(str(n)), *_with_dependency(row, n)]) for row, n in mine]
            + [_printed(row, papers, [Entry("1"), *_printed_web(row.at.get(1))]) for row in theirs]
        ),
    )


def webshop(rows: Sequence[OwnRow], papers: Published) -> Table:
    """WebShop: average final reward in percent, peak in thousands, dependency in millions, seconds."""
    entries = []
    for row in rows:
        for n, metrics in row.at.items():
            peak = _scaled(metrics.get(Measure.PEAK), 1e-3, 2)
            dependency = _scaled(metrics.get(Measure.DEPENDENCY), 1e-6, 3)
            reward, seconds = _scaled(metrics.get(Measure.REWARD), 100, 2), _mean(metrics.get(Measure.SECONDS), 2)
            entries.append(_own(row, [n], [reward, peak, dependency, seconds]))
    for shop in papers.webshop:
        figures = [_value(v, 2) for v in (shop.reward, shop.peak, shop.dependency, shop.seconds)]
        entries.append((Entry(shop.system), Entry(papers.cite(shop.source)), *figures))
    return Table(
        title="WebShop",
        note="Average final reward in percent; peak of a turn in thousands of tokens, your rows with the task prompt; "
        "dependency in millions of tokens squared.",
        columns=(*_heads(), Column("reward", "%"), Column("peak ×1000"), Column("dependency ×10⁶"), Column("s")),
        rows=tuple(entries),
    )


def printed_under(rows: Iterable[PublishedRow], scorer: str) -> list[PublishedRow]:
    """Published rows that belong beside rows of ``scorer``.

    Those whose paper does not say how it scored stand with MEM1's, whose benchmark they use.
    """
    wanted = (scorer, _UNSTATED) if scorer == "mem1-released" else (scorer,)
    return [row for row in rows if row.scorer in wanted]


def scorers_of(rows: Iterable[OwnRow]) -> tuple[str, ...]:
    """The conventions to show, the published one first."""
    return unique(("mem1-released", *(row.scorer for row in rows)))


def _heads() -> tuple[Column, ...]:
    return (
        Column("System", numeric=False),
        Column("Origin", numeric=False, meaning="the paper; or yours, with composition and number of tasks"),
    )


def _own(row: OwnRow, horizons: Iterable[int], entries: Iterable[Entry]) -> tuple[Entry, ...]:
    return (Entry(row.system, strong=True), Entry(f"{_OWN}: {row.tasks(*horizons)}"), *entries)


def _printed(row: PublishedRow, papers: Published, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    unstated = ", scoring unstated" if row.scorer == _UNSTATED else ""
    return (Entry(row.system), Entry(papers.cite(row.source) + unstated), *entries)


def _four(row: OwnRow, n: int) -> list[Entry]:
    metrics = row.at.get(n, {})
    peak = metrics.get(Measure.PEAK_WITHOUT_PROMPT)
    whole = metrics.get(Measure.PEAK)
    entry = _value(None if peak is None else peak.mean / 100, 2)
    if whole is not None:
        entry = Entry(entry.text, f"{number(whole.mean / 100, 2)} with prompt")
    em, f1, seconds = (metrics.get(measure) for measure in (Measure.EM, Measure.F1, Measure.SECONDS))
    return [_mean(em, 3), _plain(f1, 3), entry, _plain(seconds, 2)]


def _with_dependency(row: OwnRow, n: int) -> list[Entry]:
    *first, seconds = _four(row, n)
    return [*first, _scaled(row.at.get(n, {}).get(Measure.DEPENDENCY), 1e-6, 4), seconds]


def _printed_web(figures: Figures | None) -> list[Entry]:
    *first, seconds = _printed_four(figures)
    return [*first, _NOTHING, seconds]


def _printed_four(figures: Figures | None) -> list[Entry]:
    figures = figures or Figures()
    return [_value(figures.em, 3), _value(figures.f1, 3), _value(figures.peak, 2), _value(figures.seconds, 2)]


def _mean(metric: Metric | None, decimals: int) -> Entry:
    return _scaled(metric, 1.0, decimals)


def _plain(metric: Metric | None, decimals: int) -> Entry:
    return _value(None if metric is None else metric.mean, decimals)


def _scaled(metric: Metric | None, factor: float, decimals: int) -> Entry:
    if metric is None:
        return _NOTHING
    if metric.low is None or metric.high is None:
        return Entry(number(metric.mean * factor, decimals))
    interval = f"{number(metric.low * factor, decimals)} … {number(metric.high * factor, decimals)}"
    return Entry(number(metric.mean * factor, decimals), interval)


def _value(value: float | None, decimals: int) -> Entry:
    return _NOTHING if value is None else Entry(number(value, decimals))


def _objectives(n: int) -> str:
    return "1 objective" if n == 1 else f"{n} objectives"


def _about(scorer: str, theirs: Sequence[PublishedRow]) -> str:
    match scorer:
        case "mem1-released":
            text = (
                "A task with another number of answers than objectives scores 0, articles count, F1 is of token sets."
            )
        case "standard":
            text = "Each objective by itself, as SQuAD scores."
        case _:
            text = f"As {scorer} scores."
    return text if theirs else f"{text} No published row is known to be scored this way."
