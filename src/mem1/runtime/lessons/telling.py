"""What the scripted expert fails in is said while the rest of its lessons is learned from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from mem1.progress import reporter
from mem1.rollout.lost import Lost
from mem1.storage.atomic import write_json
from mem1.storage.run_dir import RunDir
from mem1.types import Episode

Stream = Callable[[int], Iterator[Episode]]


@runtime_checkable
class ScriptedLessons(Protocol):
    """Demonstrations of the scripted expert's; ``lost`` counts its episodes that failed."""

    lost: Lost

    def __call__(self, start: int) -> Iterator[Episode]:
        """Demonstrations from number ``start`` on."""

    def lose(self, lost: Lost) -> None:
        """Count further ones."""


@contextmanager
def telling(shown: Stream | ScriptedLessons, run: RunDir, *, resume: bool) -> Iterator[Stream]:
    """The demonstrations of ``shown``, while the block learns from them.

    If they are the scripted expert's, its failed episodes are said, and noted in ``run``, when there is one, whenever
    more than twice as many failed, and at the end. A resumed run goes on counting, and counts again what it makes
    again. Raises ``StorageError`` where a former note is damaged or none can be written.
    """
    if not isinstance(shown, ScriptedLessons):
        yield shown
        return
    if resume:
        shown.lose(Lost.read(run.demonstrations))
    teller = _Teller(shown, run)
    try:
        yield teller
    finally:
        teller.end()


class _Teller:
    def __init__(self, lessons: ScriptedLessons, run: RunDir) -> None:
        self._lessons = lessons
        self._note = run.demonstrations
        self._said = 0

    def __call__(self, start: int) -> Iterator[Episode]:
        for episode in self._lessons(start):
            if self._lessons.lost.failed > 2 * self._said:
                self._say()
            yield episode

    def end(self) -> None:
        if self._lessons.lost.failed > self._said:
            self._say()
        self._write()

    def _say(self) -> None:
        self._said = self._lessons.lost.failed
        self._write()
        reporter().say(f"lessons: {self._lessons.lost}; they are not shown")

    def _write(self) -> None:
        write_json(self._note, self._lessons.lost.model_dump(mode="json"))
