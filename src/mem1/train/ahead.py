"""Rollouts made while an earlier step is learned from: the sampler does not wait for the trainer.

With a staleness of s the rollout of step k is written with the weights after step k - s (the first ones with those that
there are), so that what is written depends on the step and the weights alone, not on who was faster. Rollouts that are
done and not yet learned from are part of a checkpoint: a resumed run learns from the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from mem1.errors import InexactError
from mem1.event_loop import run_here
from mem1.rollout.group import as_groups
from mem1.storage.written import from_json, to_json
from mem1.train.rows.calls import written
from mem1.train.saving.checkpoint import Saved
from mem1.types import Episode, EpisodeGroup, Record

T = TypeVar("T")
Rollout = Callable[[int], list[EpisodeGroup] | Awaitable[list[EpisodeGroup]]]
"""Episodes for a step."""

FILE = "ahead.jsonl"


class _Held(Record):
    """A line of the file: an episode that step ``step`` will learn from."""

    step: int
    episode: Episode


class Ahead:
    """Makes rollouts, and those of later steps while a step is learned from.

    Args:
        rollout: Makes that of a step. With a staleness it is called while weights change: the sampler must not be
            writing with the very tensors that are trained.
        staleness: How many steps ahead; 0: each rollout waits for the step before.
        steps: How many there are; none is made ahead beyond.
        check: Raises where a rollout is none that can be learned from; it is then not kept, and made anew by whoever
            goes on with the run.
    """

    def __init__(
        self,
        rollout: Rollout,
        *,
        staleness: int,
        steps: int,
        check: Callable[[list[EpisodeGroup], int], None] = lambda groups, step: None,
    ) -> None:
        self._rollout = rollout
        self._check = check
        self._staleness = staleness
        self._steps = steps
        self._held: dict[int, list[EpisodeGroup]] = {}
        self._failed: dict[int, Exception] = {}

    def take(self, step: int) -> list[EpisodeGroup]:
        """The rollout of ``step``. Raises what went wrong when it was made, and ``InexactError`` if it is too old."""
        if step in self._failed:
            raise self._failed.pop(step)
        if step not in self._held:
            found = self._rollout(step)
            groups = found if isinstance(found, list) else run_here(_awaited(found))
            self._check(groups, step)
            self._held[step] = groups
        for episode in (episode for group in self._held[step] for episode in group.episodes if self._staleness):
            check_staleness(episode, step, self._staleness)
        return self._held[step]

    def while_learning(self, step: int, learn: Callable[[], T]) -> T:
        """What ``learn`` returns for ``step``, with later rollouts made beside it; all are done when this returns."""
        wanted = range(step + 1, min(step + self._staleness, self._steps - 1) + 1)
        missing = [one for one in wanted if one not in self._held]
        value = run_here(self._both(missing, learn)) if missing else learn()
        self._held.pop(step, None)
        return value

    async def _both(self, steps: list[int], learn: Callable[[], T]) -> T:
        learning = asyncio.create_task(asyncio.to_thread(learn))
        rolling = asyncio.create_task(self._make(steps))
        try:
            return await learning
        except BaseException:
            rolling.cancel()
            raise
        finally:
            with suppress(asyncio.CancelledError):
                await rolling

    async def _make(self, steps: list[int]) -> None:
        """What goes wrong is told when the rollout is taken: the step that is learned from now is whole without it."""
        for step in steps:
            try:
                found = self._rollout(step)
                groups = found if isinstance(found, list) else await found
                self._check(groups, step)
                self._held[step] = groups
            except Exception as error:
                self._failed[step] = error
                return

    # ------------------------------------------------------------ in checkpoints

    def write(self, folder: Path) -> None:
        """Write what is held into ``folder``; no file where there is nothing. Raises ``StorageError``."""
        held = [
            _Held(step=step, episode=episode)
            for step, groups in sorted(self._held.items())
            for group in groups
            for episode in group.episodes
        ]
        if held:
            where = str(folder / FILE)
            lines = [to_json(one, f"episode {one.episode.id!r}", where=where) for one in held]
            (folder / FILE).write_bytes(b"\n".join(lines) + b"\n")

    def read(self, folder: Path) -> None:
        """Hold what ``write`` wrote. Raises ``StorageError``."""
        self._held, file = {}, folder / FILE
        if not file.is_file():
            return
        episodes: dict[int, list[Episode]] = {}
        for line in file.read_bytes().splitlines():
            held = from_json(_Held, line, "episode", where=str(file), hint="take an older checkpoint")
            episodes.setdefault(held.step, []).append(held.episode)
        self._held = {step: as_groups(some) for step, some in episodes.items()}


class WithAhead:
    """A checkpoint's content with the rollouts that are ahead."""

    def __init__(self, trained: Saved, ahead: Ahead) -> None:
        self._trained = trained
        self._ahead = ahead

    def write(self, folder: Path, rng: Mapping[str, Any]) -> None:
        """As ``Saved``."""
        self._trained.write(folder, rng)
        self._ahead.write(folder)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """As ``Saved``."""
        self._ahead.read(folder)
        return self._trained.read(folder)


def staleness(episode: Episode, step: int) -> int | None:
    """How many steps older than those of ``step`` the oldest weights are that wrote ``episode``; ``None``: none did."""
    versions = [call.policy_version for call in written(episode)]
    return step - min(versions) if versions else None


def check_staleness(episode: Episode, step: int, most: int) -> None:
    """Raise ``InexactError`` where weights more than ``most`` steps older than those of ``step`` wrote ``episode``."""
    found = staleness(episode, step)
    if found is not None and found > most:
        raise InexactError(
            f"episode {episode.id!r} was written by weights that are {found} steps old, more than {most}",
            where="train.staleness",
            hint="the engine was not given the weights of each step: see Trainer's on_weights",
        )


async def _awaited(found: Awaitable[list[EpisodeGroup]]) -> list[EpisodeGroup]:
    return await found
