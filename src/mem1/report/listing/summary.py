"""What a list of runs says of one: small enough to be kept for hundreds of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mem1.evaluation.measures import PER_OBJECTIVE, Measure
from mem1.evaluation.records import Cell, CellKey, Evaluation, Metric
from mem1.report.data import main_strategy

KEPT = (
    Measure.PEAK,
    Measure.PEAK_WITHOUT_PROMPT,
    Measure.ANSWER_RATE,
    Measure.TOKENS,
    Measure.TOKENS_REUSED,
    Measure.SECONDS,
    Measure.COST,
)
"""The measures of a cell that are kept beside its scores."""


class Status(StrEnum):
    """How a run stands. ``STOPPED``: it was ended before it had done what its configuration asks for."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    EMPTY = "empty"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class CellSummary:
    """One strategy on one set of tasks, without the values of the tasks.

    ``metrics`` holds the scores (summed, and per objective as ``NAME_per_objective``) and those of ``KEPT`` that are
    known.
    """

    strategy: str
    key: CellKey
    scored: tuple[str, ...]
    metrics: dict[str, Metric]
    tasks: int
    episodes: int
    failed: int

    def per_objective(self) -> Metric | None:
        """The main metric per objective."""
        return self.metrics.get(f"{self.scored[0]}{PER_OBJECTIVE}") if self.scored else None


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """One evaluation of a run. ``version`` counts the steps of the run that the policy comes from."""

    label: str
    model: str
    version: int
    complete: bool
    strategies: tuple[str, ...]
    cells: tuple[CellSummary, ...]
    currency: str | None = None

    def horizons(self, strategy: str) -> list[CellSummary]:
        """The cells of a strategy at every horizon of the first composition, shortest first, no session among them."""
        mine = [cell for cell in self.cells if cell.strategy == strategy and not cell.key.session]
        mine = [cell for cell in mine if cell.key.composition == mine[0].key.composition]
        return sorted(mine, key=lambda cell: cell.key.objectives)


@dataclass(frozen=True, slots=True)
class Headline:
    """The one score of a list: the main metric per objective, and where it comes from.

    ``source`` is ``evaluation`` (the longest horizon of the most trained policy), ``watched`` (measured between steps)
    or ``training`` (of the sampled episodes); the latter two have no interval and no horizon.
    """

    measure: str
    metric: Metric
    source: str
    strategy: str | None = None
    objectives: int | None = None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a list.

    Attributes:
        name: Where it is below the folder that was listed, parts joined by ``/``; what it is found by. Never a path
            to open: the index knows the path.
        status: See ``Status``.
        problems: What cannot be read of it, a line each.
        recipe: The recipe's name.
        model: The policy's model, as an evaluation or the configuration names it.
        strategy: The memory that is trained, or the one evaluated.
        seed: The recipe's seed.
        settings: 12 hexadecimal digits, equal for configurations that differ in nothing but name, seed and place.
        evaluations: In the order of training: by policy version, then label.
        steps: The last training step that was recorded; ``None``: it was not trained.
        planned: How many the configuration asks for.
        score: See ``Headline``.
        horizon: The largest number of objectives that was evaluated.
        episodes: Episodes in all its files; ``None`` where a file has no index.
        failed: Failed episodes of the evaluations.
        seconds: What it took, as far as it was recorded.
        cost: What its evaluations cost in ``currency``; ``None``: not known.
        changed: When something was last written, in seconds since 1970.
    """

    name: str
    status: Status
    problems: tuple[str, ...] = ()
    recipe: str | None = None
    model: str | None = None
    strategy: str | None = None
    seed: int | None = None
    settings: str | None = None
    evaluations: tuple[EvaluationSummary, ...] = ()
    steps: int | None = None
    planned: int | None = None
    score: Headline | None = None
    horizon: int | None = None
    episodes: int | None = None
    failed: int = 0
    seconds: float | None = None
    cost: float | None = None
    currency: str | None = None
    changed: float = 0.0

    @property
    def last(self) -> EvaluationSummary | None:
        """The most trained policy's evaluation."""
        return self.evaluations[-1] if self.evaluations else None


def place(run: RunSummary, order: str) -> tuple[bool, float, str]:
    """Where a run stands in a list: names from a on, else the largest or newest first and what is not known last."""
    if order == "name":
        return False, 0.0, run.name
    value = run.score.metric.mean if order == "score" and run.score else getattr(run, order)
    return value is None, -(value or 0.0), run.name


def summarized(evaluation: Evaluation) -> EvaluationSummary:
    """An evaluation without the values of its tasks and its texts."""
    prices = evaluation.plan.prices
    return EvaluationSummary(
        label=evaluation.label,
        model=evaluation.policy.model,
        version=evaluation.policy.version,
        complete=evaluation.complete,
        strategies=evaluation.plan.strategies,
        cells=tuple(_cell(cell) for cell in evaluation.cells),
        currency=prices.currency if prices else None,
    )


def headline(last: EvaluationSummary) -> Headline | None:
    """The main metric per objective of the main strategy at the longest horizon that has one."""
    strategy = main_strategy(last.strategies)
    for cell in reversed(last.horizons(strategy)):
        metric = cell.per_objective()
        if metric is not None:
            return Headline(f"{cell.scored[0]}{PER_OBJECTIVE}", metric, "evaluation", strategy, cell.key.objectives)
    return None


def _cell(cell: Cell) -> CellSummary:
    names = [*cell.scored[:2], *(f"{name}{PER_OBJECTIVE}" for name in cell.scored[:2]), *KEPT]
    return CellSummary(
        strategy=cell.strategy,
        key=cell.key,
        scored=cell.scored[:2],
        metrics={name: cell.metrics[name] for name in names if name in cell.metrics},
        tasks=len(cell.tasks),
        episodes=cell.episodes,
        failed=cell.failed,
    )
