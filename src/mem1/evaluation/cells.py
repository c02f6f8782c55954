"""From episodes to a cell: measure each, average by task, put intervals on the means."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from mem1.evaluation.efficiency import efficiency
from mem1.evaluation.findings.failures import failures
from mem1.evaluation.measures import PER_OBJECTIVE, Measure, range_of
from mem1.evaluation.prices import cost
from mem1.evaluation.quality import quality
from mem1.evaluation.records import Cell, CellKey, Comparison, Metric, TurnPoint
from mem1.evaluation.remembering.curve import fates, survival_curve
from mem1.evaluation.remembering.measures import remembering
from mem1.evaluation.remembering.pages import Text
from mem1.evaluation.remembering.survival import FactHistory, survival
from mem1.evaluation.schedule import alike
from mem1.evaluation.statistics import Draw, averaged, mean_interval, paired_difference, paired_ratio
from mem1.evaluation.statistics.metrics import Values
from mem1.prices import Prices
from mem1.types import Episode, StopReason

# What pairs of strategies are compared on, beside the metrics of their scores.
COMPARED = (
    Measure.ANSWER_RATE,
    Measure.ACTIONS_PER_OBJECTIVE,
    Measure.EARLY_STOP,
    Measure.PEAK,
    Measure.PEAK_WITHOUT_PROMPT,
    Measure.DEPENDENCY,
    Measure.TOKENS,
    Measure.SECONDS,
    Measure.COST,
)


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How intervals are drawn."""

    seed: int = 0
    resamples: int = 2000
    confidence: float = 0.95

    @property
    def draw(self) -> Draw:
        """The same, as the statistics take it."""
        return Draw(self.seed, self.resamples, self.confidence)

    def mean(
        self, values: Values, measure: str, objectives: int, alike: Mapping[str, str] | None = None
    ) -> Metric | None:
        """Mean of one value per task, with its interval; tasks that are ``alike`` count once."""
        known = averaged(values, alike)
        return mean_interval(list(known.values()), self.draw, within=range_of(measure, objectives))

    def paired(self, left: Cell, right: Cell, measure: str) -> Metric | None:
        """Mean of ``right - left`` over the tasks that have a value in both, with its interval."""
        within = range_of(measure, left.objectives)
        return paired_difference(
            left.by_task(measure),
            right.by_task(measure),
            self.draw,
            span=within[1] if within else None,
            alike=alike_in(left, right),
        )

    def ratio(self, left: Cell, right: Cell, measure: str) -> Metric | None:
        """Mean of ``right`` / mean of ``left`` over the tasks that have a value in both, with its interval."""
        return paired_ratio(left.by_task(measure), right.by_task(measure), self.draw, alike=alike_in(left, right))


def alike_in(left: Cell, right: Cell) -> dict[str, str]:
    """The tasks of both cells that repeat another, with the first of their content."""
    return right.first_alike | left.first_alike


def measure(
    episode: Episode,
    prices: Prices | None = None,
    side_prices: Prices | None = None,
    histories: Sequence[FactHistory] | None = None,
) -> dict[str, float | None]:
    """Every measure of one episode; what it remembered only where the ``histories`` of its facts are known."""
    spent = {Measure.COST: cost(episode, prices, side_prices)}
    return quality(episode) | efficiency(episode) | remembering(episode, histories) | spent


def make_cell(
    strategy: str,
    key: CellKey,
    episodes: Sequence[Episode],
    bootstrap: Bootstrap,
    prices: Prices | None = None,
    names: Sequence[str] | None = None,
    side_prices: Prices | None = None,
    text: Text | None = None,
) -> Cell:
    """Summarise the episodes of one strategy on one set of tasks. Tasks keep their order.

    ``names`` has the name of each episode's task, by default its id. Episodes under one name are averaged; tasks of the
    same content under different names are kept apart and known to be ``alike``. A failed episode measures nothing, its
    costs least of all: it ended because something broke, not because it was done. ``text`` spells out the policy's
    tokens; without it nothing is known of what was remembered.
    """
    by_task: dict[str, list[Episode]] = {}
    for name, episode in zip(names or [episode.task.id for episode in episodes], episodes, strict=True):
        by_task.setdefault(name, []).append(episode)
    facts = {id(one): survival(one, text) for one in episodes if not one.failed} if text is not None else {}
    rows = [
        [measure(one, prices, side_prices, facts.get(id(one))) for one in some if not one.failed]
        for some in by_task.values()
    ]
    histories = [one for some in facts.values() for one in some]
    scored = tuple(dict.fromkeys(name for one in episodes if one.score for name in one.score.metrics))
    names_of = dict.fromkeys((*_measures(scored), *Measure))
    measured = [name for name in names_of if any(name in row for some in rows for row in some)]
    values = {str(name): tuple(_mean(row.get(name) for row in some) for some in rows) for name in measured}
    stops = Counter(episode.stop for episode in episodes)
    cell = Cell(
        strategy=strategy,
        composition=key.composition,
        objectives=key.objectives,
        session=key.session,
        tasks=tuple(by_task),
        values=values,
        metrics={},
        scored=scored,
        episodes=len(episodes),
        failed=sum(episode.failed for episode in episodes),
        unscored=sum(not episode.failed and episode.score is None for episode in episodes),
        stops={reason: stops[reason] for reason in StopReason if stops[reason]},
        errors=dict(sorted(Counter(episode.error.type for episode in episodes if episode.error).items())),
        failures=failures(episodes),
        alike=alike([some[0].task for some in by_task.values()]),
        cached_share=cached_share(episodes),
        cut_prompts=sum(usage.cut_prompts for episode in episodes if (usage := episode.usage) is not None),
        trace=trace(episodes),
        survival=survival_curve(histories),
        fates=fates(histories),
        scorers=tuple(sorted({episode.score.scorer for episode in episodes if episode.score})),
    )
    return with_metrics(cell, bootstrap)


def _measures(scored: Iterable[str]) -> list[str]:
    """The measures that metrics of scores have: their sums, then their means over objectives."""
    scored = list(scored)
    return [*scored, *(f"{name}{PER_OBJECTIVE}" for name in scored)]


def with_metrics(cell: Cell, bootstrap: Bootstrap) -> Cell:
    """``cell`` with the means and intervals of its values."""
    found = {name: bootstrap.mean(cell.by_task(name), name, cell.objectives, cell.first_alike) for name in cell.values}
    metrics = {name: metric for name, metric in found.items() if metric is not None}
    return cell.model_copy(update={"metrics": metrics})


def cached_share(episodes: Iterable[Episode]) -> float | None:
    """Prompt tokens that backends read from a cache / all they counted; ``None`` where none counts."""
    usages = [call.usage for episode in episodes for call in episode.calls if call.usage is not None]
    total = sum(usage.prompt_tokens for usage in usages)
    return sum(usage.cached_tokens for usage in usages) / total if total else None


def trace(episodes: Sequence[Episode]) -> tuple[TurnPoint, ...]:
    """Mean context and state size at each turn, over the episodes that reached it.

    A turn's context is the largest of its own and of the side calls made for it.
    """
    peaks: dict[int, list[int]] = defaultdict(list)
    states: dict[int, list[int]] = defaultdict(list)
    for episode in episodes:
        side = Counter[int]()
        for call in episode.side_calls:
            side[call.turn] = max(side[call.turn], call.peak_without_prompt)
        for turn in episode.turns:
            peaks[turn.index].append(max(turn.peak_without_prompt, side[turn.index]))
            states[turn.index].append(turn.state_length)
    return tuple(
        TurnPoint(
            turn=index,
            n=len(peaks[index]),
            peak_without_prompt=sum(peaks[index]) / len(peaks[index]),
            largest_without_prompt=max(peaks[index]),
            state_length=sum(states[index]) / len(states[index]),
        )
        for index in sorted(peaks)
    )


def compare_strategies(cells: Iterable[Cell], bootstrap: Bootstrap) -> tuple[Comparison, ...]:
    """Paired differences between every two strategies run on the same tasks."""
    by_key: dict[CellKey, list[Cell]] = defaultdict(list)
    for cell in cells:
        by_key[cell.key].append(cell)
    return tuple(
        comparison
        for group in by_key.values()
        for left, right in combinations(group, 2)
        for comparison in compare(left, right, left.strategy, right.strategy, bootstrap)
    )


def compare(left: Cell, right: Cell, left_name: str, right_name: str, bootstrap: Bootstrap) -> tuple[Comparison, ...]:
    """Paired differences ``right - left`` between two cells on the same tasks."""
    return tuple(
        Comparison(
            measure=name,
            composition=left.composition,
            objectives=left.objectives,
            session=left.session,
            left=left_name,
            right=right_name,
            difference=difference,
        )
        for name in (*left.scored[:2], *COMPARED)
        if (difference := bootstrap.paired(left, right, name)) is not None
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
