"""Where a run's numbers and episodes go: metrics.jsonl, monitors, the episode file and the console."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from rich.console import Console

from mem1.errors import CheckpointError
from mem1.progress import on, reporting
from mem1.storage.atomic import storage_errors
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from mem1.train.metrics import Values
from mem1.train.monitors.config import MonitorConfig
from mem1.train.monitors.followed import Monitors
from mem1.types import Episode

_LINES = 100  # lines of a log for the steps of a run, at most about so many


class Recorder:
    """Writes what a run produces, step by step.

    Args:
        run: The run directory.
        steps: How many steps there will be.
        start: How many are done.
        console: Where the progress bar goes (one line a step where it is no terminal); ``None`` for silence.
        shown: Metric names for the console, each with the label to show.
        episodes: The name of the file for episodes, or ``None`` for a run without.
        monitors: Who else follows the run.
    """

    def __init__(
        self,
        run: RunDir,
        *,
        steps: int,
        start: int,
        console: Console | None,
        shown: Mapping[str, str],
        episodes: str | None = "train",
        monitors: Sequence[MonitorConfig] = (),
    ) -> None:
        self._files = growing_files(run, episodes)
        self._metrics = MetricsWriter(run.metrics)
        self._episodes = EpisodeWriter(self._files[-1]) if episodes is not None else None
        self._root = run.path
        self._steps = steps
        self._shown = shown
        self._open = ExitStack()
        self._reporter = self._open.enter_context(reporting(on(console)))
        try:
            self._monitors = Monitors(monitors, run, start=start, say=self.say)
        except BaseException:
            self._open.close()
            raise
        self._work = self._open.enter_context(self._reporter.work("step", steps, start))
        self._example: Episode | None = None

    def step(self, step: int, values: Values) -> None:
        """Record the metrics of step ``step`` (counted from 1) and show some of them."""
        self._write(step, values)
        news = "  ".join(f"{label} {values[name]:.3g}" for name, label in self._shown.items() if name in values)
        self._work.at(step, figures=news)
        if step % max(1, self._steps // _LINES) == 0 or step == self._steps:
            self._reporter.note(f"step {step}/{self._steps}  {news}")

    def evaluation(self, step: int, values: Mapping[str, float]) -> None:
        """Record an evaluation of the weights after ``step`` steps."""
        self._write(step, {f"evaluation/{name}": value for name, value in values.items()})
        self.say(f"evaluation after step {step}: " + "  ".join(f"{k} {v:.3g}" for k, v in values.items()))

    def episodes(self, episodes: Iterable[Episode]) -> None:
        """Append episodes to the episode file."""
        assert self._episodes is not None
        for episode in episodes:
            self._episodes.write(episode)
            self._example = self._example or episode

    def say(self, text: str) -> None:
        """A line for the console."""
        self._reporter.say(text)

    def marks(self) -> dict[str, int]:
        """Sizes of the growing files, by path in the run directory."""
        return {str(path.relative_to(self._root)): path.stat().st_size for path in self._files if path.exists()}

    def sync(self) -> None:
        """Wait until everything recorded is on the disk."""
        for path in self._files:
            if path.exists():
                with storage_errors("write to the disk", path), path.open("rb") as file:
                    os.fsync(file.fileno())

    def close(self) -> None:
        """Close all files and end the progress bar."""
        self._open.close()
        self._metrics.close()
        if self._episodes is not None:
            self._episodes.close()
        self._monitors.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _write(self, step: int, values: Mapping[str, float | list[float | None]]) -> None:
        self._metrics.write(step, values)
        self._monitors.step(step, values, self._example)
        self._example = None


def growing_files(run: RunDir, episodes: str | None) -> list[Path]:
    """The files that grow with a run: metrics, and the episode file of that name if there is one."""
    return [run.metrics] if episodes is None else [run.metrics, run.episodes(episodes, compressed=True)]


def rewind(run: RunDir, marks: Mapping[str, int], *, episodes: str | None) -> None:
    """Cut the growing files back to what a checkpoint knows, so that a resumed run reports nothing twice.

    ``marks`` comes from the run directory, which may be somebody else's: it is looked up by the names that a run of
    ours has (``growing_files``) and never used as a path.

    Raises:
        CheckpointError: A file is shorter than the checkpoint says, so something of the run is lost; or the checkpoint
            names a file that no run has, and nothing is cut.
    """
    files = {str(path.relative_to(run.path)): path for path in growing_files(run, episodes)}
    for name in marks:
        if name not in files:
            raise CheckpointError(
                f"the checkpoint knows of a file {name!r}, which no run of this kind has",
                where=str(run.checkpoints),
                hint="the run was begun by another command, or tampered with: start a new run from its model",
            )
    for name, path in files.items():
        size = marks.get(name, 0)
        found = path.stat().st_size if path.exists() else 0
        if found < size:
            raise CheckpointError(
                f"{name} has {found} bytes, but had {size} when the checkpoint was written",
                where=str(path),
                hint="restore the file from a copy, or start a new run from the checkpoint's model",
            )
        if name in marks and found > size:
            with storage_errors("cut back to the checkpoint", path):
                os.truncate(path, size)
