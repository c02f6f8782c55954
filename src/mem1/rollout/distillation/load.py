"""Distilled runs as a student's demonstrations: read, checked, replayed, and divided."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mem1.errors import DataError
from mem1.rollout.config import DemonstrationsConfig
from mem1.rollout.distillation.collect import TEACHER
from mem1.rollout.distillation.retokenize import RejectReason, TargetSpec, replay
from mem1.storage.atomic import read_json, write_json
from mem1.storage.distillation import Distillation, Transcript, read_distillation, read_scripts
from mem1.storage.episodes import list_episodes, read_episode
from mem1.storage.guards.own import refuse_strange_files
from mem1.storage.run_dir import RunDir
from mem1.types import Episode, Record, Task

_HINT = "collect demonstrations first: mem1 distill RECIPE --run DIR"


class ImportStats(Record):
    """What became of distilled demonstrations: ``as_sampled`` keep the teacher's ids, ``encoded`` have the student's.

    ``dropped`` counts by reason those that do not fit the student. ``digest`` changes if one token of them does.
    """

    runs: tuple[str, ...]
    read: int
    as_sampled: int
    encoded: int
    dropped: dict[str, int]
    learned: int
    held_out: int
    digest: str

    @property
    def summary(self) -> str:
        """One line for people."""
        dropped = ", ".join(f"{count} for {reason}" for reason, count in self.dropped.items())
        return (
            f"demonstrations: {self.learned} to learn, {self.held_out} held out; {self.as_sampled} as sampled, "
            f"{self.encoded} in the student's tokens" + (f"; dropped: {dropped}" if dropped else "")
        )


@dataclass(slots=True)
class _Pile:
    """Episodes as the student will see them, and what happened on the way."""

    episodes: list[Episode] = field(default_factory=list)
    read: int = 0
    encoded: int = 0
    dropped: Counter[RejectReason] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class LoadedDemos:
    """Demonstrations to ``learn`` and to measure the loss on (``held_out``); ``taken`` says how they came about."""

    learn: tuple[Episode, ...]
    held_out: tuple[Episode, ...]
    taken: ImportStats


async def read_demonstrations(
    config: DemonstrationsConfig,
    student: TargetSpec,
    *,
    fingerprint: str | None,
    tags: Mapping[str, str],
    prompt_of: Callable[[Task], str],
    seed: int,
) -> LoadedDemos:
    """The demonstrations of ``config.runs`` for ``student``.

    Args:
        config: Which runs.
        student: Whom they are for.
        fingerprint: Of the student's tokenizer; where the teacher's is the same, sampled ids are kept.
        tags: The student's tag names; a teacher with others is refused.
        prompt_of: The task prompt P that the student will see.
        seed: Chooses the tasks that are held out.

    Raises:
        DataError: A run is none, was not distilled or not to the end, has other tags; or nothing is left to learn.
        StorageError: A file is damaged.
    """
    learned, other = _Pile(), _Pile()
    for run in config.runs:
        await _read(run, learned, config, student, fingerprint, tags, prompt_of)
    if isinstance(config.held_out, Path):
        await _read(config.held_out, other, config, student, fingerprint, tags, prompt_of)
        learn, held_out = learned.episodes, other.episodes
        _keep_apart(learn, held_out, config.held_out)
    else:
        learn, held_out = _divide(learned.episodes, config.held_out, seed)
    dropped = {str(misfit): learned.dropped[misfit] + other.dropped[misfit] for misfit in RejectReason}
    taken = ImportStats(
        runs=tuple(str(run) for run in config.runs),
        read=learned.read + other.read,
        as_sampled=len(learned.episodes) + len(other.episodes) - learned.encoded - other.encoded,
        encoded=learned.encoded + other.encoded,
        dropped={misfit: count for misfit, count in dropped.items() if count},
        learned=len(learn),
        held_out=len(held_out),
        digest=_digest([*learn, *held_out]),
    )
    if not learn or (isinstance(config.held_out, Path) and not held_out):
        raise _nothing_left(taken, config)
    return LoadedDemos(tuple(learn), tuple(held_out), taken)


def record_taken(run: RunDir, taken: ImportStats, *, resume: bool) -> None:
    """Note in ``run`` what it learns from; a resumed run must learn from the same.

    Raises:
        DataError: The demonstrations have changed since the run began.
        StorageError: The note is damaged, or cannot be written.
    """
    if resume and run.demonstrations.is_file():
        before = read_json(run.demonstrations)
        if not isinstance(before, dict) or before.get("digest") != taken.digest:
            raise DataError(
                "the demonstrations have changed since the run began",
                where=str(run.demonstrations),
                hint="restore the distilled runs, or start a new run",
            )
    write_json(run.demonstrations, taken.model_dump(mode="json"))


async def _read(
    path: Path,
    pile: _Pile,
    config: DemonstrationsConfig,
    student: TargetSpec,
    fingerprint: str | None,
    tags: Mapping[str, str],
    prompt_of: Callable[[Task], str],
) -> None:
    """Put the demonstrations of the run at ``path`` on ``pile``."""
    outcome = _outcome(path)
    if outcome.tags != dict(tags):
        raise DataError(
            f"the demonstrations were written with the tags {_listed(outcome.tags)}, the student's are {_listed(tags)}",
            where=str(path),
            hint="set memory.tags to those of the demonstrations",
        )
    same_tokenizer = fingerprint is not None and outcome.tokenizer == fingerprint
    for episode, script in _kept(RunDir(path), outcome):
        exact = same_tokenizer and all(turn.exact for turn in episode.turns)
        prompt = prompt_of(episode.task) if config.prompt == "recipe" else None
        found = await replay(episode, script, student, same_tokens=exact, prompt=prompt)
        pile.read += 1
        if isinstance(found, RejectReason):
            pile.dropped[found] += 1
            continue
        pile.encoded += not exact
        pile.episodes.append(_named(found, path))


def _named(episode: Episode, run: Path) -> Episode:
    """Ids that stay apart where several runs are read."""
    return episode.model_copy(update={"id": f"{run.name}/{episode.id}", "group_id": f"{run.name}/{episode.group_id}"})


def _outcome(path: Path) -> Distillation:
    run = RunDir(path)
    if not path.is_dir():
        raise DataError("there is no such run of demonstrations", where=str(path), hint=_HINT)
    refuse_strange_files(path)
    if not run.distillation.is_file():
        if run.scripts(TEACHER).is_file():
            raise DataError(
                "the distillation did not come to its end",
                where=str(path),
                hint=f"go on with it: mem1 distill {run.config_toml} --run {path} --resume",
            )
        raise DataError("the run holds no demonstrations", where=str(path), hint=_HINT)
    outcome = read_distillation(run.distillation)
    if not outcome.kept:
        raise DataError(
            f"none of the run's {outcome.episodes} episodes was kept",
            where=str(path),
            hint=f"select again with a milder filter: mem1 distill {run.config_toml} --run {path} --resume "
            "--distill.keep.minimum 0.5",
        )
    return outcome


def _kept(run: RunDir, outcome: Distillation) -> Iterator[tuple[Episode, Transcript]]:
    path = run.episodes(TEACHER)
    entries = {entry.id: entry for entry in list_episodes(path)}
    wanted = set(outcome.kept)
    scripts = {script.id: script for script in read_scripts(run.scripts(TEACHER)) if script.id in wanted}
    missing = [name for name in outcome.kept if name not in entries or name not in scripts]
    if missing:
        raise DataError(
            f"{len(missing)} demonstrations are named but not there, first {missing[0]}",
            where=str(path),
            hint=f"restore the files, or complete them: mem1 distill {run.config_toml} --run {run.path} --resume",
        )
    for name in outcome.kept:
        yield read_episode(path, entries[name]), scripts[name]


def _divide(episodes: Sequence[Episode], share: float, seed: int) -> tuple[list[Episode], list[Episode]]:
    """Those to learn and those held out: all demonstrations of a task on one side, one task at least if ``share``."""
    tasks = sorted({episode.task.content for episode in episodes})
    count = min(max(1, round(share * len(tasks))), len(tasks) - 1) if share and tasks else 0
    chosen = set(random.Random(f"held out {seed}").sample(tasks, count))
    learn = [episode for episode in episodes if episode.task.content not in chosen]
    return learn, [episode for episode in episodes if episode.task.content in chosen]


def _keep_apart(learn: Sequence[Episode], held_out: Sequence[Episode], path: Path) -> None:
    shared = {episode.task.content for episode in learn} & {episode.task.content for episode in held_out}
    if shared:
        raise DataError(
            f"{len(shared)} tasks are both learned and held out, first {min(shared)}",
            where=str(path),
            hint="distill the held-out run from another split (--set split=dev) or with another seed",
        )


def _digest(episodes: Sequence[Episode]) -> str:
    digest = hashlib.sha256()
    for episode in episodes:
        digest.update(episode.id.encode())
        for turn in episode.turns:
            digest.update(repr((turn.prompt_token_ids, turn.completion_token_ids, turn.sampled_mask)).encode())
        for call in episode.side_calls:
            digest.update(repr((call.turn, call.prompt_token_ids, call.completion_token_ids)).encode())
    return digest.hexdigest()


def _nothing_left(taken: ImportStats, config: DemonstrationsConfig) -> DataError:
    dropped = ", ".join(f"{count} {reason}" for reason, count in taken.dropped.items())
    return DataError(
        f"of {taken.read} demonstrations {taken.learned} are left to learn and {taken.held_out} held out; "
        f"dropped because they do not fit the student: {dropped or 'none'}",
        where=f"demonstrations.runs = {[str(run) for run in config.runs]}",
        hint="state budget, action budget: raise memory.budgets; context: raise engine.max_context; side calls: "
        "use the memory that was distilled with; else distill with a teacher that has the student's tokenizer, or more "
        "tasks",
    )


def _listed(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} = {name}" for kind, name in sorted(tags.items()))
