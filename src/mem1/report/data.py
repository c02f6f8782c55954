"""Everything a report shows, read from a run directory. Nothing is run, nothing is guessed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mem1.errors import Mem1Error, StorageError
from mem1.evaluation.cells import Bootstrap
from mem1.evaluation.intact import damaged_cells, without
from mem1.evaluation.records import Cell, CellKey, Evaluation, Transcript
from mem1.evaluation.renew import renewed
from mem1.storage.atomic import read_json
from mem1.storage.episodes import EpisodeEntry, iter_episodes, read_episode
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Episode

MEND = "restore the episode file from a copy, or evaluate again with --resume: only what is lost is run anew"
"""What to do about damaged episodes."""


@dataclass(frozen=True)
class RunData:
    """A run as a report needs it.

    ``evaluations`` are in the order of training: by policy version, then label. ``views`` holds the
    rows of ``views.json`` (how far each training view is from what the policy saw), if there is one.
    ``damage`` says, a line each, which cells were left out because their episodes are not on the disk as evaluated.
    """

    run: RunDir
    evaluations: tuple[Evaluation, ...]
    metrics: tuple[dict[str, Any], ...]
    views: tuple[dict[str, Any], ...]
    versions: dict[str, str | None]
    damage: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.path.resolve().name

    @property
    def first(self) -> Evaluation | None:
        """The least trained policy's evaluation."""
        return self.evaluations[0] if self.evaluations else None

    @property
    def last(self) -> Evaluation | None:
        """The most trained policy's evaluation: the one whose strategies are shown side by side."""
        return self.evaluations[-1] if self.evaluations else None

    @property
    def before_and_after(self) -> tuple[Evaluation, Evaluation] | None:
        """First and last evaluation, if the policy was trained in between."""
        if self.first is None or self.last is None or self.first.policy.version == self.last.policy.version:
            return None
        return self.first, self.last

    @cached_property
    def strategies(self) -> tuple[str, ...]:
        """All strategies there are, in the order of the plans."""
        return unique(name for one in self.evaluations for name in one.plan.strategies)

    @property
    def main_strategy(self) -> str:
        """The strategy that training is about: ``state``, else the last of the plan."""
        return main_strategy(self.strategies)

    @cached_property
    def transcripts(self) -> dict[str, Transcript]:
        """Kept contexts by episode id."""
        return {one.episode_id: one for evaluation in self.evaluations for one in evaluation.transcripts}


def read_run(path: Path) -> RunData:
    """Read the run at ``path``.

    Numbers of an evaluation whose episodes are lost or changed are left out, and ``damage`` says so.

    Raises ``StorageError`` where ``path`` holds no run, or a damaged file.
    """
    run = RunDir.open(path)
    evaluations, damage = [], []
    for name in run.evaluations():
        evaluation = renewed(run.read_evaluation(name, Evaluation))
        lost = damaged_cells(run, evaluation)
        evaluations.append(without(evaluation, [one.cell for one in lost]) if lost else evaluation)
        damage += [f"evaluation {name}: {one}" for one in lost]
    damage += [f"episodes {name}: {why}" for name, path in run.episode_files().items() if (why := _unreadable(path))]
    return _run_data(run, evaluations, damage)


def read_numbers(run: RunDir) -> RunData:
    """A run's numbers alone: no episode is looked at, so that it is quick however many there are.

    What cannot be read is left out, and ``damage`` says so; that episodes are lost (``DamageWatch`` looks) does not
    show.
    """
    evaluations, damage = [], []
    for name in run.evaluations():
        try:
            evaluations.append(renewed(run.read_evaluation(name, Evaluation)))
        except Mem1Error as error:
            damage.append(f"evaluation {name}: {error.what}")
    try:
        return _run_data(run, evaluations, damage)
    except StorageError as error:
        return RunData(run, _in_order(evaluations), (), (), {}, (*damage, error.what))


def _run_data(run: RunDir, evaluations: list[Evaluation], damage: list[str]) -> RunData:
    views = run.views
    return RunData(
        run=run,
        evaluations=_in_order(evaluations),
        metrics=tuple(read_metrics(run.metrics)) if run.metrics.is_file() else (),
        views=_rows(read_json(views), views) if views.is_file() else (),
        versions=run.versions(),
        damage=tuple(damage),
    )


def _in_order(evaluations: list[Evaluation]) -> tuple[Evaluation, ...]:
    return tuple(sorted(evaluations, key=lambda one: (one.policy.version, one.label)))


def read_whole_run(path: Path) -> RunData:
    """Like ``read_run``, for comparisons, which make no sense of a part: also raises ``StorageError`` for damage."""
    data = read_run(path)
    if data.damage:
        more = f" (and {len(data.damage) - 1} more)" if len(data.damage) > 1 else ""
        raise StorageError(
            f"the run is damaged: {data.damage[0]}{more}", where=str(path), hint=f"mem1 report {path} says what; {MEND}"
        )
    return data


def main_strategy(strategies: Sequence[str]) -> str:
    """Which of them training is about: ``state``, else the last."""
    return "state" if "state" in strategies or not strategies else strategies[-1]


def bootstrap_of(evaluation: Evaluation) -> Bootstrap:
    """Intervals as the evaluation itself draws them."""
    return Bootstrap(evaluation.plan.seed, evaluation.plan.resamples, evaluation.plan.confidence)


def horizons(evaluation: Evaluation, composition: Composition) -> list[CellKey]:
    """The keys of a composition's horizons, shortest first, the long session left out."""
    keys = unique(cell.key for cell in evaluation.cells if cell.composition == composition and not cell.session)
    return sorted(keys, key=lambda key: key.objectives)


def compositions(evaluation: Evaluation) -> tuple[Composition, ...]:
    """Compositions that have horizons, in the order of the plan."""
    return unique(cell.composition for cell in evaluation.cells if not cell.session)


def sessions(evaluation: Evaluation) -> list[Cell]:
    """The cells of the long session."""
    return [cell for cell in evaluation.cells if cell.session]


def sample_episodes(data: RunData, *, per_strategy: int = 3) -> list[Episode]:
    """Episodes to show turn by turn: of each strategy the shortest horizon above one, a middle one, the longest.

    They come from the last evaluation, from those whose contexts were kept; without any evaluation,
    the last episodes of each file are shown.
    """
    if data.last is None:
        return [
            episode
            for path in data.run.episode_files().values()
            # Each may have been run anew once; a whole index is more than a page needs in memory.
            for entry in latest(deque(_readable(path), maxlen=2 * per_strategy))[-per_strategy:]
            for episode in _read(path, entry)
        ]
    path = data.run.episodes(data.last.label)
    if not path.is_file():
        return []
    kept = latest(entry for entry in _readable(path) if entry.id in data.transcripts)
    found: list[Episode] = []
    for strategy in reversed(data.last.plan.strategies):  # the state strategy comes last in a plan, first here
        mine = sorted((entry for entry in kept if _planned(entry) == strategy), key=lambda e: e.objectives)
        mine = [entry for entry in mine if entry.objectives > 1] or mine
        found += [episode for k in _apart(len(mine), per_strategy) for episode in _read(path, mine[k])]
    return found


def _unreadable(path: Path) -> str | None:
    """Why an episode file cannot be listed to its end, if that is so."""
    try:
        deque(iter_episodes(path), maxlen=0)
    except StorageError as error:
        return f"{error.what} ({error.where})"
    return None


def _readable(path: Path) -> Iterator[EpisodeEntry]:
    """The entries up to a damage, which ``RunData.damage`` tells of."""
    with suppress(StorageError):
        yield from iter_episodes(path)


def _read(path: Path, entry: EpisodeEntry) -> Iterator[Episode]:
    """The episode, if it can be read."""
    with suppress(StorageError):
        yield read_episode(path, entry)


def _planned(entry: EpisodeEntry) -> str | None:
    """The strategy of the plan that an evaluated episode belongs to, as its id says."""
    return next(iter(entry.id.split("/")[1:2]), None)


def latest(entries: Iterable[EpisodeEntry]) -> list[EpisodeEntry]:
    """The last entry of each id: a failed episode that was run anew is shown once."""
    return list({entry.id: entry for entry in entries}.values())


def unique(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values without repeats, in their order."""
    return tuple(dict.fromkeys(values))


def _apart(count: int, wanted: int) -> list[int]:
    """``wanted`` positions out of ``count``, the first and the last among them."""
    if count <= wanted:
        return list(range(count))
    return sorted({round(k * (count - 1) / (wanted - 1)) for k in range(wanted)}) if wanted > 1 else [0]


def _rows(value: Any, path: Path) -> tuple[dict[str, Any], ...]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise StorageError(
            "views.json is not a list of rows", where=str(path), hint="delete it: the report is written without"
        )
    return tuple(value)
