"""From episodes to a cell: measure each, average by task, put intervals on the means."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from mem1.evaluation.efficiency import efficiency
from mem1.evaluation.measures import Measure
from mem1.evaluation.prices import cost
from mem1.evaluation.quality import quality
from mem1.evaluation.records import Cell, CellKey, Comparison, Metric, TurnPoint
from mem1.evaluation.statistics import bootstrap_mean, paired_difference, paired_ratio
from mem1.prices import Prices
from mem1.types import Episode, StopReason

# What pairs of strategies are compared on.
COMPARED = (
    Measure.EM,
    Measure.F1,
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

    def mean(self, values: Sequence[float]) -> Metric | None:
        """Mean of one value per task, with its interval."""
        return bootstrap_mean(values, seed=self.seed, resamples=self.resamples, confidence=self.confidence)

    def paired(self, left: Cell, right: Cell, measure: Measure) -> Metric | None:
        """Mean of ``right - left`` over the tasks of both, with its interval."""
        return paired_difference(
            left.by_task(measure),
            right.by_task(measure),
            seed=self.seed,
            resamples=self.resamples,
            confidence=self.confidence,
        )

    def ratio(self, left: Cell, right: Cell, measure: Measure) -> Metric | None:
        """Mean of ``right`` / mean of ``left`` over the tasks of both, with its interval."""
        return paired_ratio(
            left.by_task(measure),
            right.by_task(measure),
            seed=self.seed,
            resamples=self.resamples,
            confidence=self.confidence,
        )


def measure(episode: Episode, prices: Prices | None = None) -> dict[Measure, float | None]:
    """Every measure of one episode."""
    return quality(episode) | efficiency(episode) | {Measure.COST: cost(episode, prices)}


def make_cell(
    strategy: str, key: CellKey, episodes: Sequence[Episode], bootstrap: Bootstrap, prices: Prices | None = None
) -> Cell:
    """Summarise the episodes of one strategy on one set of tasks. Tasks keep their order."""
    by_task: dict[str, list[dict[Measure, float | None]]] = defaultdict(list)
    for episode in episodes:
        by_task[episode.task.id].append(measure(episode, prices))
    values = {
        name: tuple(_mean(row[name] for row in rows) for rows in by_task.values()) for name in Measure if episodes
    }
    metrics = {
        name: metric
        for name, column in values.items()
        if (metric := bootstrap.mean([value for value in column if value is not None])) is not None
    }
    stops = Counter(episode.stop for episode in episodes)
    return Cell(
        strategy=strategy,
        composition=key.composition,
        objectives=key.objectives,
        session=key.session,
        tasks=tuple(by_task),
        values=values,
        metrics=metrics,
        episodes=len(episodes),
        failed=sum(episode.failed for episode in episodes),
        unscored=sum(not episode.failed and episode.score is None for episode in episodes),
        stops={reason: stops[reason] for reason in StopReason if stops[reason]},
        errors=dict(sorted(Counter(episode.error.type for episode in episodes if episode.error).items())),
        trace=trace(episodes),
        scorers=tuple(sorted({episode.score.scorer for episode in episodes if episode.score})),
    )


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
        for name in COMPARED
        if (difference := bootstrap.paired(left, right, name)) is not None
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
