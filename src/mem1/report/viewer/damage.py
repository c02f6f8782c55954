"""What of a run's evaluations has lost its episodes, looked for again only when the files have changed."""

from __future__ import annotations

from threading import Lock

from mem1.errors import Mem1Error
from mem1.evaluation.intact import damaged_cells
from mem1.evaluation.records import Evaluation
from mem1.storage.run_dir import RunDir

_Stamp = tuple[int, int, int]


class DamageWatch:
    """Compares each evaluation's episodes with the digests it kept; safe to use from several threads.

    An episode file that only grows is not read again: a run that is being written would be read for every page.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._lock = Lock()
        self._known: dict[str, tuple[_Stamp, list[str]]] = {}

    def look(self) -> dict[str, list[str]]:
        """What is damaged, a line each, by evaluation."""
        with self._lock:
            found = {name: self._of(name) for name in self._run.evaluations()}
        return {name: lines for name, lines in found.items() if lines}

    def _of(self, name: str) -> list[str]:
        stamp = self._stamp(name)
        if name in self._known:
            (written, size, changed), lines = self._known[name]
            if written == stamp[0] and (size < stamp[1] or (size, changed) == stamp[1:]):
                return lines
        try:
            evaluation = self._run.read_evaluation(name, Evaluation)
            lines = [str(one) for one in damaged_cells(self._run, evaluation)]
        except Mem1Error as error:
            lines = [str(error)]
        self._known[name] = stamp, lines
        return lines

    def _stamp(self, name: str) -> _Stamp:
        """When the evaluation was written; size and time of change of the episode file (0 where there is none)."""
        evaluation, episodes = self._run.evaluation(name), self._run.episodes(name)
        written = evaluation.stat().st_mtime_ns if evaluation.is_file() else 0
        if not episodes.is_file():
            return written, 0, 0
        found = episodes.stat()
        return written, found.st_size, found.st_mtime_ns
