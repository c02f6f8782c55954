"""A user's runs as rows of the papers' tables: the same answers scored both ways, from what is stored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mem1.evaluation.cells import Bootstrap
from mem1.evaluation.measures import Measure
from mem1.evaluation.quality import quality
from mem1.evaluation.records import Cell, Evaluation, Metric
from mem1.report.data import bootstrap_of, read_whole_run, unique
from mem1.rewards.base import Scorer
from mem1.rewards.released import ReleasedScorer
from mem1.rewards.standard import StandardScorer
from mem1.storage.atomic import read_json
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Episode

SCORERS: tuple[Scorer, ...] = (ReleasedScorer(), StandardScorer())
_SCORED = (Measure.EM, Measure.F1, Measure.EM_PER_OBJECTIVE, Measure.F1_PER_OBJECTIVE)
_AS_STORED = (
    Measure.PEAK,
    Measure.PEAK_WITHOUT_PROMPT,
    Measure.SECONDS,
    Measure.DEPENDENCY,
    Measure.REWARD,
    Measure.ANSWER_RATE,
)
Metrics = dict[str, Metric]
_Values = dict[tuple[str, str], dict[str, dict[str, float | None]]]
"""By strategy and cell name: by task, the measures of its episode."""


@dataclass(frozen=True, slots=True)
class OwnRow:
    """One strategy of one evaluation under one scorer, on one composition; ``at`` by number of objectives."""

    run: str
    label: str
    model: str
    version: int
    strategy: str
    composition: Composition
    scorer: str
    domain: str
    at: dict[int, Metrics] = field(default_factory=dict)

    @property
    def system(self) -> str:
        """What to call it."""
        return f"{self.run}, {self.label}: {self.strategy}"

    def tasks(self, *horizons: int) -> str:
        """Its composition, and how many tasks it rests on at these horizons."""
        metrics = [next(iter(self.at[n].values())) for n in horizons if self.at.get(n)]
        counts = sorted({metric.n for metric in metrics})
        return f"{self.composition}, n = {'-'.join(str(n) for n in unique((*counts[:1], *counts[-1:])))}"


def own_rows(paths: Sequence[Path]) -> list[OwnRow]:
    """The rows of all evaluations of these runs. Raises ``StorageError``.

    Question answering gives a row for each of ``SCORERS``, made from the stored answers, and one more where the run
    was scored in yet another way. Where the episodes of a cell are not on disk any more, only the scorer that the
    run used has it.
    """
    names = [path.resolve().name for path in paths]
    return [
        row
        for path, name in zip(paths, names, strict=True)
        for row in _rows_of(path, name if names.count(name) == 1 else str(path))
    ]


def _rows_of(path: Path, name: str) -> Iterator[OwnRow]:
    data = read_whole_run(path)
    config = read_json(data.run.config_json)
    domain = str(_at(config, "env", "type") or "qa")
    used = _scorer_of(config)
    for evaluation in data.evaluations:
        again = _scored_again(data.run, evaluation) if domain in ("qa", "web") else {}
        for scorer in unique((*again, used)):
            yield from _rows_under(name, evaluation, domain, scorer, again.get(scorer), stored=scorer == used)


def _rows_under(
    run: str, evaluation: Evaluation, domain: str, scorer: str, again: _Values | None, *, stored: bool
) -> Iterator[OwnRow]:
    bootstrap = bootstrap_of(evaluation)
    rows: dict[tuple[str, Composition], OwnRow] = {}
    for cell in sorted(evaluation.cells, key=lambda cell: cell.objectives):
        values = (again or {}).get((cell.strategy, cell.key.name))
        whole = values is not None and set(values) == set(cell.tasks)
        if cell.session or not (whole or stored):
            continue
        row = rows.setdefault(
            (cell.strategy, cell.composition),
            OwnRow(
                run,
                evaluation.label,
                evaluation.policy.model,
                evaluation.policy.version,
                cell.strategy,
                cell.composition,
                scorer,
                domain,
            ),
        )
        scored = _means(cell, values or {}, bootstrap) if whole else _some(cell.metrics, _SCORED)
        row.at[cell.objectives] = scored | _some(cell.metrics, _AS_STORED)
    yield from rows.values()


def _scored_again(run: RunDir, evaluation: Evaluation) -> dict[str, _Values]:
    """The stored answers of an evaluation under each of ``SCORERS``; a failed episode has no scores."""
    found: dict[str, _Values] = {scorer.name: defaultdict(dict) for scorer in SCORERS}
    path = run.episodes(evaluation.label)
    if not path.is_file():
        return {}
    # An episode that failed and was run anew comes twice: the later one counts.
    for episode in read_episodes(path):
        _, strategy, cell, task = [*episode.id.split("/", 3), "", "", ""][:4]
        for scorer in SCORERS:
            measures = quality(rescored(episode, scorer))
            found[scorer.name][strategy, cell][task] = {name: measures.get(name) for name in _SCORED}
    return found


def rescored(episode: Episode, scorer: Scorer) -> Episode:
    """``episode`` with the score that ``scorer`` gives its answers; one without a score stays without."""
    if episode.score is None:
        return episode
    score = scorer(episode.task, episode.answers, extra_answers=episode.score.extra_answers)
    return episode.model_copy(update={"score": score})


def _means(cell: Cell, values: Mapping[str, Mapping[str, float | None]], bootstrap: Bootstrap) -> Metrics:
    found: Metrics = {}
    for measure in _SCORED:
        column = {task: values[task][measure] for task in cell.tasks}
        metric = bootstrap.mean(column, measure, cell.objectives, cell.first_alike)
        if metric is not None:
            found[measure] = metric
    return found


def _some(metrics: Mapping[str, Metric], wanted: Iterable[str]) -> Metrics:
    return {measure: metrics[measure] for measure in wanted if measure in metrics}


def _scorer_of(config: Any) -> str:
    """The name that the run's scorer writes into its scores."""
    name = str(_at(config, "scorer", "name") or "standard")
    return f"judge:{_at(config, 'scorer', 'judge', 'model')}" if name == "judge" else name


def _at(config: Any, *keys: str) -> Any:
    for key in keys:
        config = config.get(key) if isinstance(config, dict) else None
    return config
