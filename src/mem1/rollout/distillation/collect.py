"""Distillation: a teacher works through tasks in the episode loop, and its good episodes become demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from mem1.errors import BackendError, DataError
from mem1.rollout.config import DistillConfig
from mem1.rollout.distillation.rejection import Selection, rewards_seen, select
from mem1.rollout.episode import RolloutContext, RolloutRequest
from mem1.rollout.group import run_requests
from mem1.rollout.health import RolloutHealthCheck
from mem1.rollout.transcript import run_recorded
from mem1.storage.distillation import Distillation, ScriptWriter, read_scripts, write_distillation
from mem1.storage.episodes import EpisodeWriter, list_episodes, read_episode
from mem1.storage.guards.salvage import set_damage_aside
from mem1.storage.run_dir import RunDir
from mem1.types import Episode

TEACHER = "teacher"
"""Name of the teacher's episodes and scripts in a run."""


@dataclass(frozen=True, slots=True)
class Teacher:
    """Who writes: ``name`` for the record, ``tokenizer`` the fingerprint of its token ids, ``tags`` the tags in use."""

    name: str
    parts: RolloutContext
    strategy: str
    tokenizer: str | None
    tags: dict[str, str]


async def distill(
    requests: Sequence[RolloutRequest],
    teacher: Teacher,
    config: DistillConfig,
    run: RunDir,
    *,
    on_episode: Callable[[Episode], None] | None = None,
) -> Distillation:
    """Run what is not on disk yet, select, and write ``distillation.json``.

    Every finished episode goes to disk at once, its script before it, so that an interruption at any moment loses
    only what is in flight. Failed episodes on disk are run again. ``on_episode`` gets each episode, those
    found on disk first.

    Raises:
        BackendError: The teacher failed ``give_up_after`` times in a row, or not one episode got going.
        DataError: Nothing passed the filter; the rewards seen are named.
        StorageError: The disk fails.
    """
    finished = _on_disk(run)
    wanted = {request.episode_id for request in requests}
    effort = RolloutHealthCheck()
    for episode in finished.values():
        if episode.id in wanted:
            effort.see(episode)
            if on_episode is not None:
                on_episode(episode)
    in_a_row = 0

    with EpisodeWriter(run.episodes(TEACHER, compressed=True)) as writer, closing(_scripts(run)) as scripts:

        async def recorded(request: RolloutRequest, parts: RolloutContext) -> Episode:
            episode, script = await run_recorded(request, parts)
            if script is not None:
                scripts.write(script)
            return episode

        def keep(episode: Episode) -> None:
            nonlocal in_a_row
            writer.write(episode)
            finished[episode.id] = episode
            effort.see(episode)
            if on_episode is not None:
                on_episode(episode)
            in_a_row = in_a_row + 1 if episode.failed else 0
            if in_a_row >= config.give_up_after:
                raise _gone(episode, in_a_row, run)

        await run_requests(
            [request for request in requests if request.episode_id not in finished],
            replace(teacher.parts, temperature=config.temperature),
            concurrency=config.concurrency,
            on_episode=keep,
            run=recorded,
        )
    effort.check(f"distillation in {run.path}")
    episodes = [finished[request.episode_id] for request in requests]
    selection = select(episodes, config.keep)
    outcome = _outcome(teacher, episodes, selection)
    write_distillation(run.distillation, outcome)
    if not outcome.kept:
        raise _nothing(outcome, config, run)
    return outcome


def _on_disk(run: RunDir) -> dict[str, Episode]:
    """Finished episodes that have a script and did not fail, by id."""
    path, scripts = run.episodes(TEACHER, compressed=True), run.scripts(TEACHER)
    if not path.is_file() or not scripts.is_file():
        return {}
    set_damage_aside(path)
    scripted = {script.id for script in read_scripts(scripts)}
    entries = {entry.id: entry for entry in list_episodes(path) if entry.id in scripted}
    episodes = (read_episode(path, entry) for entry in entries.values())
    return {episode.id: episode for episode in episodes if not episode.failed}


def _scripts(run: RunDir) -> ScriptWriter:
    return ScriptWriter(run.scripts(TEACHER))


def _outcome(teacher: Teacher, episodes: Sequence[Episode], selection: Selection) -> Distillation:
    return Distillation(
        teacher=teacher.name,
        strategy=teacher.strategy,
        tokenizer=teacher.tokenizer,
        tags=teacher.tags,
        tasks=len({episode.task.id for episode in episodes}),
        episodes=len(episodes),
        rewards={f"{reward:g}": count for reward, count in rewards_seen(episodes).items()},
        rejected={str(reason): count for reason, count in selection.rejected.items()},
        kept=tuple(episode.id for episode in selection.kept),
    )


def _gone(episode: Episode, in_a_row: int, run: RunDir) -> BackendError:
    assert episode.error is not None
    return BackendError(
        f"the teacher failed {in_a_row} times in a row, last with {episode.error.type}: {episode.error.message}",
        where=f"distillation in {run.path}",
        hint=f"mend the cause, then go on: --run {run.path} --resume; every finished episode is on disk",
    )


def _nothing(outcome: Distillation, config: DistillConfig, run: RunDir) -> DataError:
    rejected = ", ".join(f"{count} {reason}" for reason, count in outcome.rejected.items())
    seen = ", ".join(f"{reward} ({count} times)" for reward, count in outcome.rewards.items()) or "none"
    return DataError(
        f"none of {outcome.episodes} episodes passed the filter: {rejected}; rewards an objective seen: {seen}",
        where=f"distill.keep ({config.keep.model_dump_json()})",
        hint=f"select again with a milder filter (--run {run.path} --resume --distill.keep.minimum 0.5: nothing is "
        "sampled anew), take more samples, an easier task or a better teacher",
    )
