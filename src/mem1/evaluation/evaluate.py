"""Run every strategy on the same tasks, and keep what is finished at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mem1.errors import ConfigError, StorageError
from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.intact import damaged_cells
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, CellKey, Evaluation, Plan, PolicyInfo, Transcript
from mem1.evaluation.transcripts import transcript
from mem1.evaluation.verdict import verdicts
from mem1.rollout.episode import RolloutContext, RolloutRequest
from mem1.rollout.group import run_requests
from mem1.rollout.health import RolloutHealthCheck
from mem1.rollout.limits import derive_seed
from mem1.storage.episodes import EpisodeEntry, EpisodeWriter, digest, list_episodes, read_episode
from mem1.storage.run_dir import RunDir
from mem1.types import Episode, Task


async def evaluate(
    tasks: Mapping[CellKey, Sequence[Task]],
    parts: Mapping[str, RolloutContext],
    config: EvaluateConfig,
    *,
    run: RunDir,
    label: str,
    policy: PolicyInfo,
    resume: bool = False,
    progress: bool = True,
    equal_budget: int | None = None,
) -> Evaluation:
    """Run each strategy of ``parts`` on all ``tasks`` and write ``evaluation/LABEL.json``.

    Each finished episode goes to ``episodes/LABEL`` at once and each finished cell into the
    evaluation file, so that an interruption loses only what is in flight. With ``resume``, episodes
    that are on disk are not run again, except failed ones: their backend gets another chance.
    A task is sampled with the same seed under every strategy. ``equal_budget``, in tokens, is only recorded: the parts
    keep to it (``RolloutContext.cap``).

    Raises:
        BackendError, ConfigError: Not one episode got going (see ``RolloutHealthCheck``). All is on disk nevertheless.
        StorageError: The label is taken (and ``resume`` is false), or the disk fails.
        ConfigError: ``resume`` meets an evaluation of another plan; the fields are named.
    """
    plan = Plan(
        label=label,
        policy=policy,
        strategies=tuple(parts),
        cells={key.name: tuple(task.id for task in some) for key, some in tasks.items()},
        seed=config.seed,
        temperature=config.temperature,
        resamples=config.resamples,
        confidence=config.confidence,
        baseline=config.baseline,
        equal_budget=equal_budget,
        prices=config.prices,
    )
    before = _begin(run, plan, resume)
    path = run.episodes(label, compressed=True)
    on_disk = {entry.id: entry for entry in list_episodes(path)} if path.is_file() else {}
    book = _Book(run, plan, config.transcripts, dict(tasks), before)
    effort = RolloutHealthCheck(what=f"evaluation {label!r}")
    with EpisodeWriter(path) as writer, _bar(progress, len(parts) * sum(map(len, tasks.values()))) as advance:
        book.sync = writer.sync
        book.save()
        for strategy, some_parts in parts.items():
            requests = []
            # Long tasks first: short ones then fill the slots that a few long ones leave empty.
            for key in sorted(tasks, key=lambda key: -key.objectives):
                for request in _jobs(label, strategy, key, tasks[key], config.seed):
                    if book.finished(strategy, key):
                        advance(strategy, None)
                    elif (entry := on_disk.get(request.episode_id)) and (episode := _reusable(run, label, entry)):
                        effort.see(episode)
                        book.take(strategy, key, episode, some_parts, digest(path, entry))
                        advance(strategy, episode)
                    else:
                        requests.append((key, request))
            keys = {request.episode_id: key for key, request in requests}

            def keep(episode: Episode, strategy: str = strategy, keys: dict[str, CellKey] = keys) -> None:
                entry = writer.write(episode)
                effort.see(episode)
                book.take(strategy, keys[episode.id], episode, parts[strategy], digest(path, entry))
                advance(strategy, episode)

            await run_requests(
                [request for _, request in requests],
                replace(some_parts, temperature=config.temperature),
                concurrency=config.concurrency,
                on_episode=keep,
            )
        evaluation = book.save()
    if not any(cell.failed < cell.episodes and cell.metrics[Measure.TURNS].mean for cell in evaluation.cells):
        effort.check(f"evaluation {label!r}")
    return evaluation


@dataclass
class _Book:
    """The evaluation as it grows: open cells collect episodes, full ones become records."""

    run: RunDir
    plan: Plan
    kept: int
    tasks: dict[CellKey, Sequence[Task]]
    before: Evaluation | None
    sync: Callable[[], None] = lambda: None  # puts the episodes on the disk: never later than what is made of them
    open: dict[tuple[str, CellKey], dict[str, Episode]] = field(default_factory=dict)
    cells: dict[tuple[str, CellKey], Cell] = field(default_factory=dict)
    transcripts: dict[str, Transcript] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.before is not None:
            # A cell with failures is opened again, so that the failed episodes can be run anew; so is one whose
            # episodes are not all on the disk as they were.
            damaged = {(one.cell.strategy, one.cell.key) for one in damaged_cells(self.run, self.before)}
            self.cells = {
                (cell.strategy, cell.key): cell
                for cell in self.before.cells
                if not cell.failed and (cell.strategy, cell.key) not in damaged
            }
            self.transcripts = {one.episode_id: one for one in self.before.transcripts}

    @property
    def bootstrap(self) -> Bootstrap:
        """How this plan draws its intervals."""
        return Bootstrap(self.plan.seed, self.plan.resamples, self.plan.confidence)

    def finished(self, strategy: str, key: CellKey) -> bool:
        """Whether nothing is left to run there."""
        return (strategy, key) in self.cells

    def take(self, strategy: str, key: CellKey, episode: Episode, parts: RolloutContext, digest: str) -> None:
        """Add an episode; the one that completes its cell saves the evaluation."""
        order = [task.id for task in self.tasks[key]]
        episodes = self.open.setdefault((strategy, key), {})
        episodes[episode.task.id] = episode
        self.digests[episode.id] = digest
        if episode.task.id in order[: self.kept]:
            self.transcripts[episode.id] = transcript(episode, parts.engine.tokenizer)
        if len(episodes) == len(order):
            cell = make_cell(strategy, key, [episodes[id] for id in order], self.bootstrap, self.plan.prices)
            stored = {one.id: self.digests[one.id] for one in episodes.values()}
            self.cells[strategy, key] = cell.model_copy(update={"stored": stored})
            del self.open[strategy, key]
            self.save()

    def save(self) -> Evaluation:
        """Write the finished cells, in the order of the plan."""
        cells = tuple(
            self.cells[strategy, key]
            for key in self.tasks
            for strategy in self.plan.strategies
            if (strategy, key) in self.cells
        )
        evaluation = Evaluation(
            plan=self.plan,
            complete=len(cells) == len(self.tasks) * len(self.plan.strategies),
            cells=cells,
            comparisons=compare_strategies(cells, self.bootstrap),
            verdicts=verdicts(cells, self.plan.baseline, self.bootstrap),
            transcripts=tuple(self.transcripts.values()),
        )
        self.sync()
        self.run.write_evaluation(self.plan.label, evaluation)
        return evaluation


def _begin(run: RunDir, plan: Plan, resume: bool) -> Evaluation | None:
    if plan.label not in run.evaluations():
        return None
    if not resume:
        raise StorageError(
            f"there is an evaluation {plan.label!r} already",
            where=str(run.evaluation(plan.label)),
            hint="pass --resume to go on with it, or give this one another label",
        )
    before = run.read_evaluation(plan.label, Evaluation)
    differing = [name for name in Plan.model_fields if getattr(before.plan, name) != getattr(plan, name)]
    if differing:
        raise ConfigError(
            f"the evaluation {plan.label!r} was begun with another {', '.join(differing)}",
            where=str(run.evaluation(plan.label)),
            hint="resume it with what it was begun with, or give this one another label",
        )
    return before


def _jobs(label: str, strategy: str, key: CellKey, tasks: Sequence[Task], seed: int) -> Iterator[RolloutRequest]:
    for task in tasks:
        name = f"{label}/{strategy}/{key.name}/{task.id}"
        yield RolloutRequest(task=task, episode_id=name, group_id=name, seed=derive_seed(seed, "evaluate", task.id))


def _reusable(run: RunDir, label: str, entry: EpisodeEntry) -> Episode | None:
    try:
        episode = read_episode(run.episodes(label), entry)
    except StorageError:
        return None  # damaged: it is run anew
    return None if episode.failed else episode


class _Advance:
    """Moves the bar on by one episode and keeps its running figures."""

    def __init__(self, bar: Progress, total: int) -> None:
        self.bar = bar
        self.id = bar.add_task("evaluate", total=total, figures="")
        self.scores: dict[str, list[float]] = {}
        self.failed = 0

    def __call__(self, strategy: str, episode: Episode | None) -> None:
        if episode is not None and episode.failed:
            self.failed += 1
        if episode is not None and episode.score is not None:
            self.scores.setdefault(strategy, []).append(episode.score.em_sum / episode.task.size)
        scores = self.scores.get(strategy)
        figures = f"EM/objective {sum(scores) / len(scores):.2f}" if scores else ""
        if self.failed:
            figures += f"  {self.failed} failed"
        self.bar.update(self.id, advance=1, description=f"evaluate {strategy}", figures=figures)


@contextmanager
def _bar(shown: bool, total: int) -> Iterator[_Advance]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        yield _Advance(bar, total)
