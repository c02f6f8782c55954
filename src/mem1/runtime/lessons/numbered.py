"""Lessons whose questions bear numbers: counted from anywhere, with remarks between them, under several memories."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from mem1.envs.around import Around
from mem1.envs.base import Environment
from mem1.errors import ConfigError
from mem1.inference.scripted.expert import Expert
from mem1.inference.scripted.pages import Pages, pages_under
from mem1.memory.base import MemoryFactory
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_gated import GatedStateMemoryConfig
from mem1.rollout.config import LessonMemory, LessonsConfig, ends
from mem1.tasks.compose import make_task
from mem1.tasks.delayed import delayed
from mem1.tasks.numbering import (
    ending_at,
    free_numbers,
    holding,
    numbered_from,
    with_end,
    with_remarks,
    without_first,
)
from mem1.types import Composition, Observation, Task


@dataclass(frozen=True, slots=True)
class Shown:
    """Under which memory a lesson is shown, and how the expert writes there. ``None``: the recipe's memory."""

    make_memory: MemoryFactory | None
    pages: Pages


def shown_under(memory: MemoryConfig, config: LessonsConfig, rng: random.Random) -> Shown:
    """One of ``config.memories`` in the recipe's budgets, or the recipe's own."""
    if not config.memories:
        return Shown(None, pages_under(memory))
    name = rng.choice(config.memories)
    if name == "state":
        return Shown(StateMemoryConfig(tags=memory.tags, budgets=memory.budgets).build(), "rewritten")
    own = memory if isinstance(memory, GatedStateMemoryConfig) else config
    gated = GatedStateMemoryConfig(
        tags=memory.tags, budgets=memory.budgets, instruction=own.instruction, quotes=own.quotes
    )
    return Shown(gated.build(), pages_under(gated))


def check_memories(memory: MemoryConfig, config: LessonsConfig) -> None:
    """Raise ``ConfigError`` where ``memory``, the recipe's, and the lessons' own contradict: one would win unsaid."""
    if not config.memories:
        return
    if memory.type not in get_args(LessonMemory):
        theirs = " or ".join(dict.fromkeys(config.memories))
        raise ConfigError(
            f"every lesson would be shown under {theirs}, none under {memory.type}",
            where="lessons.memories, memory.type",
            hint=f"leave them out, and lessons are shown under {memory.type}: --lessons.memories '[]'",
        )
    if "state_gated" not in config.memories or not isinstance(memory, GatedStateMemoryConfig):
        return
    for key in ("instruction", "quotes"):
        usual = LessonsConfig.model_fields[key].get_default()
        if getattr(config, key) not in (usual, getattr(memory, key)):
            raise ConfigError(
                f"memory.{key} is {getattr(memory, key)!r}, and lessons.{key} {getattr(config, key)!r}",
                where=f"lessons.{key}",
                hint=f"leave it out: it is for recipes whose memory is another than {memory.type}",
            )


@dataclass(frozen=True, slots=True)
class Size:
    """How many objectives a lesson's tasks have, and of how many of them the prompt does not list the question."""

    objectives: int
    held: int = 0


def drawn_size(composition: Composition, config: LessonsConfig, rng: random.Random) -> Size:
    """A usual size, or in their shares a long list (parallel, delayed) or a page that holds values (parallel)."""
    usual = rng.randint(*ends(config.objectives))
    if composition not in (Composition.PARALLEL, Composition.DELAYED) or not (config.more or config.held):
        return Size(usual)
    kind = rng.random()
    if kind < config.more:
        least, most = config.more_objectives
        return Size(round(least * (most / least) ** rng.random()))
    begins = composition is Composition.PARALLEL and kind < config.more + config.held
    held = rng.randint(1, config.most_held) if begins else 0
    return Size(held + usual, held)


def expert_for(pages: Pages, config: LessonsConfig, number: int) -> Callable[[], Expert]:
    """Who shows lesson ``number``."""
    knows = bool(config.more or config.held) and not (config.vain or config.lapses)
    return partial(Expert, pages=pages, slips=config.slips, lapses=config.lapses, knows=knows, seed=number)


def renumbered(
    tasks: Sequence[Task], composition: Composition, config: LessonsConfig, rng: random.Random, held: int = 0
) -> list[Task]:
    """Parallel tasks with their numbers; sequential ones made delayed ones, all with one delay that their size allows.

    The first ``held`` questions of a parallel one are marked as held.
    """
    least, most = ends(config.delays)
    delay = rng.randint(least, max(least, min(most, tasks[0].size - 1)))
    if composition is Composition.PARALLEL:
        counted = (numbered_from(task, _first(task.size, config, rng)) for task in tasks)
        return [_ended(holding(task, held), config, rng) for task in counted]
    if composition is Composition.DELAYED:
        numbered = ((task, _first(task.size, config, rng)) for task in tasks)
        return [make_task(delayed(one.objectives, delay, first=n), composition, one.split) for one, n in numbered]
    return list(tasks)


def remarking(
    make_env: Callable[[Task], Environment], config: LessonsConfig, rng: random.Random, pieces: Sequence[str]
) -> Callable[[Task], Environment]:
    """Environments of which a share has prompts with numbered remarks, and which do not list what is held."""
    return lambda task: _Remarking(make_env(task), config, random.Random(f"{task.id} {rng.random()}"), pieces)


def _ended(task: Task, config: LessonsConfig, rng: random.Random) -> Task:
    """In its share a task whose list does not end with its last question."""
    after = task.first + task.size
    if not config.distant or after >= config.numbers or rng.random() >= config.distant:
        return task
    return ending_at(task, rng.randint(after + 1, config.numbers))


def _first(size: int, config: LessonsConfig, rng: random.Random) -> int:
    last = config.numbers - size
    return rng.randint(1, last) if last > 1 and rng.random() < config.anywhere else 1


class _Remarking(Around):
    """An environment whose upfront prompt may hold remarks: numbered lines that ask nothing."""

    def __init__(self, inner: Environment, config: LessonsConfig, rng: random.Random, pieces: Sequence[str]) -> None:
        super().__init__(inner)
        self._config, self._rng, self._pieces = config, rng, pieces

    def reset(self) -> tuple[str, Observation | None]:
        prompt, observation = self._inner.reset()
        rng, task = self._rng, self._inner.task
        if held := sum("held" in objective.metadata for objective in task.objectives):
            prompt = without_first(prompt, held)
        if task.reveal == "upfront":
            prompt = with_end(prompt, task)
        if task.reveal != "upfront" or rng.random() >= self._config.remarks:
            return prompt, observation
        free = free_numbers(task, self._config.numbers)
        count = rng.randint(1, 10) if rng.random() < 0.75 else rng.randint(10, 60)
        chosen = rng.sample(free, min(count, len(free)))
        questions = _asked(prompt) or ["nothing"]
        return with_remarks(prompt, [(number, self._remark(questions)) for number in chosen], rng), observation

    def _remark(self, questions: Sequence[str]) -> str:
        """Half the time of invented words, else of pieces of the questions, which ask nothing in this order."""
        rng, pieces = self._rng, self._pieces or ("so", "it", "be")
        if rng.random() < 0.5:
            remark = " ".join(_pair(rng.choice(questions).split(), rng) for _ in range(rng.randint(2, 3)))
            if remark not in questions:
                return remark
        words = (
            "".join(rng.choice(pieces) for _ in range(rng.randint(1, 3))).strip() for _ in range(rng.randint(1, 6))
        )
        return " ".join(words)


def _pair(words: Sequence[str], rng: random.Random) -> str:
    """Two words that follow one another, or one."""
    at = rng.randrange(len(words))
    return " ".join(words[at : at + 2])


def _asked(prompt: str) -> list[str]:
    """What the lines of a prompt ask, without their numbers and the line that says what to do at the end."""
    lines = prompt.splitlines()[1:-1]
    return [text for _, _, text in (line.partition(" ") for line in lines) if text.strip()]
