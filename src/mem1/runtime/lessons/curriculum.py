"""A recipe's endless sequence of demonstrations, made in this process or ahead of it in others."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from mem1.errors import DataError
from mem1.inference.tokenizers.fast import FastTokenizer, read_tokenizer
from mem1.recipe import Recipe
from mem1.rollout.demonstrations import DemonstrationSource, from_blocks
from mem1.rollout.lost import Lost
from mem1.runtime.build import World, build_world, lessons
from mem1.types import Episode

if TYPE_CHECKING:
    from mem1.inference.hf.tokenizer import HfTokenizer

_AHEAD = 3  # blocks a worker that are made or wait to be taken


def make_curriculum(recipe: Recipe, world: World, tokenizer: FastTokenizer) -> DemonstrationSource:
    """What the scripted expert shows in the lessons of the recipe's environment, in ``tokenizer``'s ids."""
    own, pieces = lessons(recipe, world), letters(tokenizer)
    return DemonstrationSource(
        lambda number: own.lesson(number, pieces),
        recipe.memory.build(),
        tokenizer,
        per_lesson=recipe.lessons.per_lesson,
        mixed=recipe.lessons.mixed,
        seed=recipe.seed,
    )


def letters(tokenizer: FastTokenizer) -> list[str]:
    """Vocabulary entries that are letters, to invent names from."""
    decoded = (tokenizer.decode([i]) for i in range(tokenizer.vocabulary_size))
    return [piece for piece in decoded if piece.strip().isalpha()]


class CurriculumAhead:
    """The same sequence from ``recipe.lessons.workers`` processes, which make its blocks ahead and in order.

    They begin when the first demonstration is asked for and end with the iterator. An error in one is raised here.
    ``lost`` counts the expert's episodes that failed in the blocks taken so far.
    """

    def __init__(self, recipe: Recipe, tokenizer: HfTokenizer, per_block: int) -> None:
        self._recipe = recipe
        self._tokenizer = tokenizer
        self._per_block = per_block
        self.lost = Lost()

    def __call__(self, start: int) -> Iterator[Episode]:
        """Demonstrations from number ``start`` on."""
        first, skipped = divmod(start, self._per_block)
        return from_blocks(self._blocks(first), skipped)

    def lose(self, lost: Lost) -> None:
        """Count what failed of the expert's episodes."""
        self.lost += lost

    def _blocks(self, first: int) -> Iterator[list[Episode]]:
        workers = self._recipe.lessons.workers
        with TemporaryDirectory(prefix="mem1-lessons-") as folder:
            self._tokenizer.save(Path(folder))
            pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin, (self._recipe, folder))
            try:
                made: deque[Future[tuple[list[Episode], Lost]]] = deque()
                numbers = count(first)
                while True:
                    made.extend(pool.submit(_block, next(numbers)) for _ in range(_AHEAD * workers - len(made)))
                    block, lost = made.popleft().result()
                    self.lose(lost)
                    yield block
            except BrokenProcessPool as error:
                raise DataError(
                    "a process that makes lessons was killed",
                    where="lessons.workers",
                    hint="there may be too little memory for so many: take fewer, and resume",
                ) from error
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


_curriculum: DemonstrationSource | None = None  # a worker's


def _begin(recipe: Recipe, folder: str) -> None:
    """Prepare a worker. Ctrl-C is for the process that trains."""
    global _curriculum
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    chat = bool(getattr(recipe.writer, "chat", False))
    _curriculum = make_curriculum(recipe, build_world(recipe), read_tokenizer(Path(folder), chat=chat))


def _block(number: int) -> tuple[list[Episode], Lost]:
    assert _curriculum is not None
    _curriculum.lost = Lost()
    return _curriculum.block(number), _curriculum.lost
