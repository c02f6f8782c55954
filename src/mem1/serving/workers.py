"""Several processes that serve one socket: started, watched, replaced when they die, stopped together."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from mem1.errors import BackendError

SHARED = "PROMETHEUS_MULTIPROC_DIR"
"""The folder, named in the environment, in which workers put their counts where the others can see them."""

_SPAWN = multiprocessing.get_context("spawn")  # a forked child would inherit threads and locks
_WITHIN = 60.0
_DEATHS = 3


class Workers:
    """``count`` processes that run ``work``, which must be picklable and end on SIGTERM.

    A worker that dies is replaced; more than three deaths a worker within a minute end them all.
    """

    def __init__(self, work: Callable[[], None], count: int) -> None:
        self._work = work
        self._count = count
        self._stop = threading.Event()
        self._deaths: deque[float] = deque(maxlen=_DEATHS * count)

    def run(self, on_start: Callable[[], None], *, patience: float) -> None:
        """Run until SIGTERM or Ctrl-C, then wait up to ``patience`` seconds for the workers to finish.

        Belongs into the main thread. Raises ``BackendError`` where workers keep dying.
        """
        former = {sign: signal.signal(sign, self._asked_to_stop) for sign in (signal.SIGTERM, signal.SIGINT)}
        shared = os.environ.get(SHARED)
        workers: list[SpawnProcess] = []
        try:
            with tempfile.TemporaryDirectory(prefix="mem1-serve-") as folder:
                os.environ[SHARED] = folder
                try:
                    workers = [self._start() for _ in range(self._count)]
                    on_start()
                    self._watch(workers)
                finally:
                    _finish(workers, patience)
        finally:
            os.environ.pop(SHARED, None)
            if shared is not None:
                os.environ[SHARED] = shared
            for sign, handler in former.items():
                signal.signal(sign, handler)

    def _watch(self, workers: list[SpawnProcess]) -> None:
        while not self._stop.is_set():
            wait([worker.sentinel for worker in workers], timeout=0.2)
            for place, worker in enumerate(workers):
                if worker.exitcode is None or self._stop.is_set():
                    continue
                now = time.monotonic()
                if len(self._deaths) == self._deaths.maxlen and now - self._deaths[0] < _WITHIN:
                    raise BackendError(
                        f"workers keep dying, the last with exit code {worker.exitcode}",
                        where="mem1 serve",
                        hint="see what they printed; --workers 1 shows an error as it is",
                    )
                self._deaths.append(now)
                workers[place] = self._start()

    def _start(self) -> SpawnProcess:
        worker = _SPAWN.Process(target=_in_worker, args=(self._work,))
        worker.start()
        return worker

    def _asked_to_stop(self, sign: int, frame: FrameType | None) -> None:
        self._stop.set()


def _in_worker(work: Callable[[], None]) -> None:
    """Do the work, and stop when the parent is gone: nobody else would."""
    threading.Thread(target=_outlive_nobody, name="mem1-parent", daemon=True).start()
    work()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _finish(workers: list[SpawnProcess], patience: float) -> None:
    """Ask all to end, wait for them, and kill those that do not."""
    for worker in workers:
        worker.terminate()
    deadline = time.monotonic() + patience
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
        if worker.exitcode is None:
            worker.kill()
            worker.join()
