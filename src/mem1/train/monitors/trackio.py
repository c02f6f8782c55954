"""trackio: a local dashboard with the interface of Weights & Biases."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from typing import Any, Literal

from mem1.errors import BackendError, boundary
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig


class TrackioConfig(MonitorConfig):
    """A run of the same name in ``project``; ``trackio show`` shows it. ``space``: a Space of the hub to write to.

    Without a Space it is written to this machine, into ``TRACKIO_DIR`` where that is set.
    """

    type: Literal["trackio"] = "trackio"
    project: str = "mem1"
    space: str | None = None

    def build(self, run: RunDir, *, start: int) -> Monitor:
        """Begin the run there, or go on with it. Raises ``BackendError``."""
        return _Run(self, run)


class _Run:
    def __init__(self, config: TrackioConfig, run: RunDir) -> None:
        import trackio

        self._trackio: Any = trackio
        hint = "leave space out to write to this machine"
        with boundary("cannot begin a run of trackio", BackendError, hint=hint), _silent():
            self._run: Any = trackio.init(
                project=config.project,
                name=run.path.name,
                space_id=config.space,
                config=read_json(run.config_json),
                resume="allow",
                embed=False,
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._trackio.log(dict(values), step=step)

    def text(self, step: int, name: str, text: str) -> None:
        self._trackio.log({name: text}, step=step)

    def close(self) -> None:
        with _silent():
            self._trackio.finish()


@contextmanager
def _silent() -> Iterator[None]:
    """Without its greetings, which it prints to standard output: with ``--json`` that is one document."""
    with redirect_stdout(io.StringIO()):
        yield
