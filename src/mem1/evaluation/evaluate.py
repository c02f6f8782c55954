"""Run every strategy on the same tasks, and keep what is finished at every moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from mem1.errors import ConfigError, StorageError
from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.conditions import Watch
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.intact import damaged_cells
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, CellKey, Evaluation, Plan, PolicyInfo, Transcript
from mem1.evaluation.remembering.retention import retentions
from mem1.evaluation.renew import renewed
from mem1.evaluation.schedule import Place, names, schedule
from mem1.evaluation.statistics import METHOD
from mem1.evaluation.transcripts import transcript
from mem1.evaluation.verdict import verdicts
from mem1.progress import Reporter, Work, reporter
from mem1.rollout.episode import RolloutContext, RolloutRequest, run_episode
from mem1.rollout.group import run_requests
from mem1.rollout.health import RolloutHealthCheck
from mem1.rollout.limits import derive_seed
from mem1.storage.episodes import EpisodeEntry, EpisodeWriter, digest, list_episodes, read_episode
from mem1.storage.guards.salvage import set_damage_aside
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
    side_is_policy: bool = False,
) -> Evaluation:
    """Run each strategy of ``parts`` on all ``tasks`` and write ``evaluation/LABEL.json``.

    Strategies take turns task by task (see ``schedule``). Each finished episode goes to ``episodes/LABEL`` at once and
    each finished cell into the evaluation file, so that an interruption loses only what is in flight. With ``resume``,
    episodes that are on disk are not run again, except failed ones: their backend gets another chance.
    A task is sampled with the same seed under every strategy. ``equal_budget``, in tokens, is only recorded: the parts
    keep to it (``RolloutContext.cap``). ``side_is_policy``: side calls are answered by the same model on an engine of
    their own, at the policy's prices where there are no others.

    Raises:
        BackendError, ConfigError: Not one episode got going (see ``RolloutHealthCheck``). All is on disk nevertheless.
        StorageError: The label is taken (and ``resume`` is false), or the disk fails.
        ConfigError: ``resume`` meets an evaluation of another plan; the fields are named.
    """
    plan = Plan(
        label=label,
        policy=policy,
        strategies=tuple(parts),
        cells={key.name: names(some) for key, some in tasks.items()},
        seed=config.seed,
        temperature=config.temperature,
        resamples=config.resamples,
        confidence=config.confidence,
        baseline=config.baseline,
        equal_budget=equal_budget,
        prices=config.prices,
        side_prices=config.side_prices,
    )
    before = _begin(run, plan, resume)
    path = run.episodes(label, compressed=True)
    set_damage_aside(path)
    on_disk = {entry.id: entry for entry in list_episodes(path)} if path.is_file() else {}
    book = _Book(run, plan, config.transcripts, dict(tasks), before, Watch(config.concurrency), side_is_policy)
    effort = RolloutHealthCheck(what=f"evaluation {label!r}")
    contexts = {name: replace(some, temperature=config.temperature) for name, some in parts.items()}
    places: dict[str, Place] = {}
    requests: list[RolloutRequest] = []
    with EpisodeWriter(path) as writer, _bar(progress, len(parts) * sum(map(len, tasks.values()))) as advance:
        book.sync = writer.sync
        book.save()
        for place in schedule(tasks, tuple(parts), config.seed):
            request = _request(label, place, config.seed)
            if book.finished(place.strategy, place.key):
                advance(place.strategy, None)
            elif (entry := on_disk.get(request.episode_id)) and (episode := _reusable(run, label, entry)):
                effort.see(episode)
                book.take(place, episode, contexts[place.strategy], digest(path, entry))
                advance(place.strategy, episode)
            else:
                places[request.episode_id] = place
                requests.append(request)

        def keep(episode: Episode) -> None:
            place = places[episode.id]
            entry = writer.write(episode)
            effort.see(episode)
            book.watch.saw(episode)
            book.take(place, episode, contexts[place.strategy], digest(path, entry))
            advance(place.strategy, episode)

        async def one(request: RolloutRequest, _: RolloutContext) -> Episode:
            return await run_episode(request, contexts[places[request.episode_id].strategy])

        if requests:
            await run_requests(
                requests, next(iter(contexts.values())), concurrency=config.concurrency, on_episode=keep, run=one
            )
        evaluation = book.save()
    if not any(_got_going(cell) for cell in evaluation.cells):
        effort.check(f"evaluation {label!r}")
    return evaluation


def _got_going(cell: Cell) -> bool:
    turns = cell.metrics.get(Measure.TURNS)
    return turns is not None and turns.mean > 0


@dataclass
class _Book:
    """The evaluation as it grows: open cells collect episodes, full ones become records."""

    run: RunDir
    plan: Plan
    kept: int
    tasks: dict[CellKey, Sequence[Task]]
    before: Evaluation | None
    watch: Watch
    side_is_policy: bool
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

    def take(self, place: Place, episode: Episode, parts: RolloutContext, digest: str) -> None:
        """Add an episode; the one that completes its cell saves the evaluation."""
        strategy, key = place.strategy, place.key
        order = self.plan.cells[key.name]
        episodes = self.open.setdefault((strategy, key), {})
        episodes[place.name] = episode
        self.digests[episode.id] = digest
        if place.name in order[: self.kept]:
            self.transcripts[episode.id] = transcript(episode, parts.engine.tokenizer)
        if len(episodes) == len(order):
            done = [episodes[name] for name in order]
            prices, side_prices = self.plan.prices, self.plan.side_prices
            if side_prices is None and self.side_is_policy:
                side_prices = prices
            text = parts.engine.tokenizer.decode
            cell = make_cell(strategy, key, done, self.bootstrap, prices, order, side_prices, text)
            stored = {one.id: self.digests[one.id] for one in done}
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
            retention=retentions(cells, self.bootstrap.draw),
            transcripts=tuple(self.transcripts.values()),
            intervals=METHOD,
            conditions=(*(self.before.conditions if self.before else ()), *self.watch.conditions()),
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
    before = renewed(run.read_evaluation(plan.label, Evaluation))
    differing = [name for name in Plan.model_fields if getattr(before.plan, name) != getattr(plan, name)]
    if differing:
        raise ConfigError(
            f"the evaluation {plan.label!r} was begun with another {', '.join(differing)}",
            where=str(run.evaluation(plan.label)),
            hint="resume it with what it was begun with, or give this one another label",
        )
    return before


def _request(label: str, place: Place, seed: int) -> RolloutRequest:
    name = f"{label}/{place.strategy}/{place.key.name}/{place.name}"
    return RolloutRequest(
        task=place.task, episode_id=name, group_id=name, seed=derive_seed(seed, "evaluate", place.name)
    )


def _reusable(run: RunDir, label: str, entry: EpisodeEntry) -> Episode | None:
    try:
        episode = read_episode(run.episodes(label), entry)
    except StorageError:
        return None  # damaged: it is run anew
    return None if episode.failed else episode


class _Advance:
    """Moves the work on by one episode and keeps its running figures."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.scores: dict[str, list[float]] = {}
        self.failed = 0

    def __call__(self, strategy: str, episode: Episode | None) -> None:
        if episode is not None and episode.failed:
            self.failed += 1
        if episode is not None and episode.score is not None:
            self.scores.setdefault(strategy, []).append(episode.score.total(episode.score.main) / episode.task.size)
        figures = [f"{self.failed} failed"] if self.failed else []
        scores = [f"{name} {sum(some) / len(some):.2f}" for name, some in self.scores.items()]
        if scores:
            figures += [f"EM/objective {scores[0]}", *scores[1:]]
        self.work.advance(figures="  ".join(figures))


@contextmanager
def _bar(shown: bool, total: int) -> Iterator[_Advance]:
    shows = reporter() if shown else Reporter(None)
    with shows.work("evaluate", total) as work:
        yield _Advance(work)
