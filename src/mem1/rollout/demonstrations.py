"""Demonstrations: the expert works through tasks in the same episode loop as any policy."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from mem1.actions import ActionForm
from mem1.envs.base import Environment
from mem1.errors import DataError
from mem1.event_loop import run_here
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.memory.base import MemoryFactory
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.rollout.lost import Lost
from mem1.rollout.stumbles import stumbling
from mem1.types import Episode, Task, Turn


class Demonstrator(Protocol):
    """A scripted policy that is told the tasks: it writes the page and the action for each context.

    It may have ``demonstrates``: the purposes of the side calls that it knows how to answer. What it writes in others
    is not imitated. And, by session, ``slipped``: the turns that it spoiled on purpose, and ``slipped_calls``: those
    whose side calls it spoiled; ``given_up``: of how many questions it did not find the answer.
    """

    def enlist(self, session: str, task: Task) -> None:
        """Prepare to work on ``task`` in ``session``."""

    def __call__(self, session: str, context: str) -> str:
        """What is written in this context."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """Tasks, the environment to do them in, who shows how, and how actions are written.

    ``make_memory``: another memory than the recipe's. ``turns``: of each demonstration so many are imitated, with the
    side calls that were made for them, drawn from ``seed``; ``None``: all. Of long ones a few turns show
    what there is to learn at a fraction of the price.
    ``gives_up``: what the expert says it did not find out counts as right.
    ``stumbles``: the share of the imitated turns with wrong tokens that are not imitated (``stumbles.py``).
    """

    tasks: Sequence[Task]
    make_env: Callable[[Task], Environment]
    make_expert: Callable[[], Demonstrator] = Expert
    form: ActionForm = "tags"
    make_memory: MemoryFactory | None = None
    turns: int | None = None
    gives_up: bool = False
    stumbles: float = 0.0
    seed: int = 0


def demonstrate(
    lesson: Lesson,
    make_memory: MemoryFactory,
    tokenizer: Tokenizer,
    *,
    label: str,
    on_lost: Callable[[Lost], None] = lambda lost: None,
) -> list[Episode]:
    """The expert's episodes of ``lesson`` in which every objective was answered right; the others are dropped.

    ``on_lost`` is told how many failed. What is returned holds the turns that are to be imitated. Token ids are
    ``tokenizer``'s, as if the policy it belongs to had written them.

    Raises:
        BackendError: None is right, and some failed: in a search that is down, or in an expert with a mistake.
    """
    expert = lesson.make_expert()
    requests = group_requests(lesson.tasks, 1, seed=0, label=label)
    for request in requests:
        expert.enlist(request.episode_id, request.task)
    parts = RolloutContext(
        engine=ScriptedEngine(expert, tokenizer),
        make_env=lesson.make_env,
        make_memory=lesson.make_memory or make_memory,
        temperature=0.0,
        reward=lambda score: score.total(score.main),
        form=lesson.form,
    )
    episodes = run_here(run_requests(requests, parts, concurrency=16))
    lost = Lost.of(episodes)
    on_lost(lost)
    slipped: Mapping[str, Collection[int]] = getattr(expert, "slipped", {})
    slipped_calls: Mapping[str, Collection[int]] = getattr(expert, "slipped_calls", {})
    shown: Collection[str] = getattr(expert, "demonstrates", ())
    given_up: Mapping[str, int] = getattr(expert, "given_up", {}) if lesson.gives_up else {}
    rng = random.Random(f"turns {lesson.seed} {label}")
    right = [
        _with_calls(episode, shown, slipped_calls.get(episode.id, ()))
        for episode in episodes
        if episode.reward is not None and episode.reward + given_up.get(episode.id, 0) >= episode.task.size
    ]
    if not right:
        lost.refuse("the expert has nothing right to show")
    imitated = [_imitated(episode, slipped.get(episode.id, ()), lesson.turns, rng) for episode in right]
    return [_stumbling(episode, lesson.stumbles, rng) for episode in imitated] if lesson.stumbles else imitated


def _with_calls(episode: Episode, shown: Collection[str], slipped: Collection[int]) -> Episode:
    """The episode, its side calls to be imitated only where they are demonstrated and were not spoiled on purpose."""
    if not episode.side_calls:
        return episode
    calls = (call if call.purpose in shown and call.turn not in slipped else call.untold for call in episode.side_calls)
    return episode.model_copy(update={"side_calls": tuple(calls)})


def _imitated(episode: Episode, slipped: Collection[int], most: int | None, rng: random.Random) -> Episode:
    """The episode with at most ``most`` turns, none that was spoiled on purpose; with its last one half the time."""
    good = [turn for turn in episode.turns if turn.index not in slipped]
    if most is None or len(good) <= most:
        return episode if len(good) == len(episode.turns) else _only(good, episode)
    chosen = rng.sample(good[:-1], most - 1)
    chosen.append(good[-1] if rng.random() < 0.5 else rng.choice([turn for turn in good if turn not in chosen]))
    return _only(sorted(chosen, key=lambda turn: turn.index), episode)


def _only(turns: Sequence[Turn], episode: Episode) -> Episode:
    """The episode with these of its turns, and the side calls that were made for them."""
    places = {turn.index: place for place, turn in enumerate(turns)}
    calls = (call.model_copy(update={"turn": places[call.turn]}) for call in episode.side_calls if call.turn in places)
    return episode.model_copy(update={"turns": tuple(turns), "side_calls": tuple(calls)})


def _stumbling(episode: Episode, share: float, rng: random.Random) -> Episode:
    turns = tuple(stumbling(turn, rng) if rng.random() < share else turn for turn in episode.turns)
    calls = tuple(stumbling(call, rng) if rng.random() < share else call for call in episode.side_calls)
    return episode.model_copy(update={"turns": turns, "side_calls": calls})


def from_blocks(blocks: Iterator[list[Episode]], skipped: int) -> Iterator[Episode]:
    """The demonstrations of ``blocks`` one by one, without the first ``skipped``."""
    for block in blocks:
        yield from block[skipped:]
        skipped = 0


class DemonstrationSource:
    """An endless, reproducible sequence of demonstrations, made as they are asked for.

    ``curriculum(n)`` yields demonstrations number n, n + 1, ...: lessons are numbered, each holds ``per_lesson``
    demonstrations (fewer right ones are repeated), and ``mixed`` lessons at a time are shuffled together (a block), so
    that neighbours come from different worlds. A resumed run continues where it was. A lesson in which the expert gets
    nothing right raises ``DataError``: its numbers would be those of the next. ``lost`` counts the expert's episodes
    that failed in the lessons made so far.
    """

    def __init__(
        self,
        lesson: Callable[[int], Lesson],
        make_memory: MemoryFactory,
        tokenizer: Tokenizer,
        *,
        per_lesson: int,
        mixed: int,
        seed: int,
    ) -> None:
        self.describe = lesson
        self._make_memory = make_memory
        self._tokenizer = tokenizer
        self._per_lesson = per_lesson
        self._mixed = mixed
        self._seed = seed
        self.lost = Lost()

    def __call__(self, start: int) -> Iterator[Episode]:
        """Demonstrations from number ``start`` on."""
        return from_blocks(map(self.block, count(start // self.per_block)), start % self.per_block)

    @property
    def per_block(self) -> int:
        """Demonstrations in a block."""
        return self._per_lesson * self._mixed

    def lose(self, lost: Lost) -> None:
        """Count what failed of the expert's episodes."""
        self.lost += lost

    def block(self, number: int) -> list[Episode]:
        """The ``mixed`` lessons number ``number * mixed`` and following, shuffled together."""
        together = [one for k in range(self._mixed) for one in self.lesson(number * self._mixed + k)]
        random.Random(f"curriculum {self._seed} {number}").shuffle(together)
        return together

    def lesson(self, number: int) -> list[Episode]:
        """All ``per_lesson`` demonstrations of one lesson."""
        right = demonstrate(
            self.describe(number), self._make_memory, self._tokenizer, label=f"lesson-{number}", on_lost=self.lose
        )
        if not right:
            raise DataError(
                "the expert answered no task right",
                where=f"lesson {number}",
                hint="show more passages a search, allow more turns, or use a corpus that holds the answers",
            )
        return (right * (self._per_lesson // len(right) + 1))[: self._per_lesson]
