"""What an evaluation leaves behind: per cell the values of every task, their means and intervals."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field, model_validator

from mem1.evaluation.remembering.curve import SurvivalPoint
from mem1.evaluation.remembering.survival import Fate
from mem1.prices import Prices
from mem1.types import Composition, Record, StopReason


class CellKey(NamedTuple):
    """Which tasks: ``session`` marks the one long sequential session among the horizons."""

    composition: Composition
    objectives: int
    session: bool = False

    @property
    def name(self) -> str:
        """A name for files and ids, e.g. ``parallel-8``."""
        return f"{self.composition}-{self.objectives}" + ("-session" if self.session else "")


# Below it no result is called different from 0 (or 1): with five pairs even the exact test, all signs flipped, cannot
# reach one in twenty (2 / 2^5); with six it can.
FEWEST_FOR_VERDICT = 6


class Metric(Record):
    """A mean over ``n`` tasks and its interval (``None`` where too few tasks say nothing of others).

    ``p`` belongs to paired comparisons: how often Student's test would give a difference as large if there were none.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    p: float | None = None

    def excludes(self, value: float) -> bool:
        """Whether it is told from ``value``: the interval leaves that out, and there are tasks enough to say so."""
        if self.low is None or self.high is None or self.n < FEWEST_FOR_VERDICT:
            return False
        return self.low > value or self.high < value


class TurnPoint(Record):
    """Means at one turn over the ``n`` episodes that reached it, and the largest context, in tokens."""

    turn: int
    n: int
    peak_without_prompt: float
    largest_without_prompt: int
    state_length: float


class Failure(Record):
    """Failed episodes of one cause: the error's type, the message of the first, and how many."""

    type: str
    message: str
    count: int


class Conditions(Record):
    """What held while the episodes of one start ran: seconds are comparable only where these are the same.

    ``load`` is the machine's mean number of busy or waiting processes (averaged over a minute each time a cell was
    finished), all programs together; ``None`` where the system does not say. ``seconds`` is the wall time from the
    beginning to the last episode that was kept; ``None``: written before it was.
    """

    episodes: int
    concurrency: int
    interleaved: bool
    cores: int
    load: float | None
    seconds: float | None = None


class Cell(Record):
    """One strategy on one set of tasks.

    ``values[measure][i]`` belongs to ``tasks[i]`` (mean over its episodes; ``None``: unscored, or all its episodes
    failed). ``alike[i]`` is the place of the first task that asks the same as task ``i``; empty: no task repeats.
    ``cached_share`` is the part of the prompt tokens that the backend says it read from a cache; ``cut_prompts`` counts
    calls whose prompt it counted as far shorter than it was. ``survival`` and ``fates`` are about the answers that were
    to be found, over all episodes that did not fail (``remembering``). ``stored`` gives the SHA-256 of each episode's
    line on the disk, by the episode's id (empty: written before digests were kept).
    """

    strategy: str
    composition: Composition
    objectives: int
    session: bool = False
    tasks: tuple[str, ...]
    values: dict[str, tuple[float | None, ...]]
    metrics: dict[str, Metric]
    scored: tuple[str, ...] = ("em", "f1")  # the metrics of the episodes' scores, the main one first
    episodes: int
    failed: int
    unscored: int
    stops: dict[StopReason, int]
    errors: dict[str, int] = Field(default_factory=dict)
    failures: tuple[Failure, ...] = ()
    alike: tuple[int, ...] = ()
    cached_share: float | None = None
    cut_prompts: int = 0
    trace: tuple[TurnPoint, ...] = ()
    survival: tuple[SurvivalPoint, ...] = ()
    fates: dict[Fate, int] = Field(default_factory=dict)
    scorers: tuple[str, ...] = ()  # what scored the episodes, as each score names it
    stored: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _aligned(self) -> Cell:
        for measure, values in self.values.items():
            if len(values) != len(self.tasks):
                raise ValueError(f"{measure}: {len(values)} values for {len(self.tasks)} tasks")
        if self.alike and len(self.alike) != len(self.tasks):
            raise ValueError(f"alike: {len(self.alike)} places for {len(self.tasks)} tasks")
        return self

    @property
    def key(self) -> CellKey:
        """The tasks this cell was run on."""
        return CellKey(self.composition, self.objectives, self.session)

    def by_task(self, measure: str) -> dict[str, float | None]:
        """Value per task id."""
        values = self.values.get(measure)
        return {} if values is None else dict(zip(self.tasks, values, strict=True))

    @property
    def first_alike(self) -> dict[str, str]:
        """For each task that repeats another's content the first one that has it."""
        return {task: self.tasks[k] for task, k in zip(self.tasks, self.alike, strict=False) if task != self.tasks[k]}

    @property
    def contents(self) -> int:
        """How many tasks there are that differ."""
        return len(set(self.alike)) if self.alike else len(self.tasks)

    def known(self, measure: str) -> list[float]:
        """The values that are known, in task order."""
        return [value for value in self.values.get(measure, ()) if value is not None]


class Comparison(Record):
    """A paired difference ``right - left`` on the tasks both have; the sides are strategies or labels."""

    measure: str
    composition: Composition
    objectives: int
    session: bool
    left: str
    right: str
    difference: Metric


class Verdict(Record):
    """What one strategy costs and saves against the baseline, on the tasks that both finished.

    ``scores`` are paired differences of metrics summed over objectives, the main one first; the others are ratios of
    means (0.5 is half).
    ``None``: not known, or nothing to divide by. ``told_apart`` names those that hold among all of the evaluation's
    verdicts together (``statistics.told_apart``).
    """

    strategy: str
    baseline: str
    composition: Composition
    objectives: int
    session: bool
    scores: dict[str, Metric | None]
    peak: Metric | None
    tokens: Metric | None
    tokens_reused: Metric | None
    seconds: Metric | None
    cost: Metric | None
    told_apart: tuple[str, ...] = ()

    @property
    def results(self) -> dict[str, tuple[Metric | None, float]]:
        """Each result by its name, with the value that would mean "no difference"."""
        ratios = {
            "peak": self.peak,
            "tokens": self.tokens,
            "tokens_reused": self.tokens_reused,
            "seconds": self.seconds,
            "cost": self.cost,
        }
        return {name: (one, 0.0) for name, one in self.scores.items()} | {
            name: (one, 1.0) for name, one in ratios.items()
        }

    @property
    def key(self) -> CellKey:
        """The tasks it is about."""
        return CellKey(self.composition, self.objectives, self.session)


class Retention(Record):
    """The score an objective (``measure``) at ``objectives`` objectives over that at ``base``; 1 is nothing lost.

    ``ratio`` is ``None`` where either is not known or the base scores 0.
    """

    strategy: str
    composition: Composition
    objectives: int
    session: bool
    base: int
    measure: str
    ratio: Metric | None

    @property
    def key(self) -> CellKey:
        """The tasks it is about."""
        return CellKey(self.composition, self.objectives, self.session)


class Ceiling(Record):
    """What the scripted expert reached on the tasks of a cell, under the strategy ``memory``: what turns and budgets
    allow.

    Means over the ``n`` episodes that did not fail, the longest page and action over all of them; tokens are the
    policy's. ``floor``: what would be left of ``per_objective`` with nothing kept (``needing_nothing``); ``None`` in
    records that have none. ``bound``: the most that the memory lets a call of these tasks take beside the prompt;
    ``None`` where there is none.
    """

    composition: Composition
    objectives: int
    session: bool
    memory: str
    n: int
    per_objective: float | None
    floor: float | None = None
    turns: float
    longest_page: int
    longest_action: int
    peak_without_prompt: float
    page_per_objective: float | None
    bound: int | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def key(self) -> CellKey:
        """The tasks it is about."""
        return CellKey(self.composition, self.objectives, self.session)

    @property
    def failed(self) -> int:
        """How many episodes failed."""
        return sum(one.count for one in self.failures)


class Transcript(Record):
    """One episode's contexts as text, decoded from the very ids the policy saw.

    ``prompt`` is P; ``contexts[t]`` is what stood between P and the completion of turn ``t``, and
    ``completions[t]`` what the policy wrote, tags and all. Both end after the turns that are kept;
    ``None`` stands for a context too long to keep.
    """

    episode_id: str
    prompt: str
    contexts: tuple[str | None, ...]
    completions: tuple[str, ...]


class PolicyInfo(Record):
    """Which policy was evaluated. ``version`` counts the steps of the run it comes from; 0: of no run, or its start."""

    model: str
    checkpoint: str | None = None
    version: int = 0


class Plan(Record):
    """What was asked for: a resumed evaluation must ask for the same."""

    label: str
    policy: PolicyInfo
    strategies: tuple[str, ...]
    cells: dict[str, tuple[str, ...]]  # cell name -> task ids
    seed: int
    temperature: float
    resamples: int
    confidence: float
    baseline: str = "full"
    equal_budget: int | None = None  # tokens of the largest context without P
    prices: Prices | None = None
    side_prices: Prices | None = None


class Evaluation(Record):
    """All cells of one policy. ``complete`` is false while cells of the plan are still missing.

    ``retention`` is what scores keep over the horizon, ``ceiling`` what the scripted expert reached, where it knows the
    tasks. ``intervals`` names how intervals were drawn (``statistics.METHOD`` today). ``conditions`` has an entry for
    each start that ran episodes; none are known of evaluations that were made before they were recorded.
    """

    schema_version: Literal[2] = 2
    plan: Plan
    complete: bool
    cells: tuple[Cell, ...]
    comparisons: tuple[Comparison, ...]
    verdicts: tuple[Verdict, ...] = ()
    retention: tuple[Retention, ...] = ()
    ceiling: tuple[Ceiling, ...] = ()
    transcripts: tuple[Transcript, ...] = ()
    intervals: str = "percentile"
    conditions: tuple[Conditions, ...] = ()

    @property
    def scored(self) -> tuple[str, ...]:
        """The two metrics that stand for quality where there is room for no more, the main one first."""
        return tuple(dict.fromkeys(name for cell in self.cells for name in cell.scored[:2]))[:2]

    @property
    def failed(self) -> int:
        """How many episodes failed."""
        return sum(cell.failed for cell in self.cells)

    @property
    def label(self) -> str:
        """Its name in the run."""
        return self.plan.label

    @property
    def policy(self) -> PolicyInfo:
        """Which policy it evaluated."""
        return self.plan.policy

    def cell(self, strategy: str, key: CellKey) -> Cell | None:
        """The cell of ``strategy`` at ``key``, if it is finished."""
        return next((cell for cell in self.cells if cell.strategy == strategy and cell.key == key), None)

    def expert(self, cell: Cell) -> Ceiling | None:
        """What the scripted expert reached on the tasks of ``cell`` under its strategy, if it was asked."""
        return next((one for one in self.ceiling if (one.memory, one.key) == (cell.strategy, cell.key)), None)
