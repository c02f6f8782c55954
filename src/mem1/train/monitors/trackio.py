"""trackio: a local dashboard with the interface of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mem1.errors import BackendError, boundary
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig


class TrackioConfig(MonitorConfig):
    """A run of the same name in ``project``; ``trackio show`` shows it. ``space``: a Space of the hub to write to."""

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
        with boundary("cannot begin a run of trackio", BackendError, hint="leave space out to write to this machine"):
            self._run: Any = trackio.init(
                project=config.project,
                name=run.path.name,
                space_id=config.space,
                config=read_json(run.config_json),
                resume="allow",
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._trackio.log(dict(values), step=step)

    def text(self, step: int, name: str, text: str) -> None:
        self._trackio.log({name: text}, step=step)

    def close(self) -> None:
        self._trackio.finish()
