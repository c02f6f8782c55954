"""Weights & Biases."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any, Literal

from mem1.errors import BackendError, boundary
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig


class WandbConfig(MonitorConfig):
    """A run of the same name in ``project``. ``mode``: ``offline`` writes into the run directory (``wandb sync``)."""

    type: Literal["wandb"] = "wandb"
    project: str = "mem1"
    entity: str | None = None
    mode: Literal["online", "offline"] = "online"

    def build(self, run: RunDir, *, start: int) -> Monitor:
        """Begin the run there, or go on with it. Raises ``BackendError``."""
        return _Run(self, run)


class _Run:
    def __init__(self, config: WandbConfig, run: RunDir) -> None:
        import wandb

        self._wandb: Any = wandb
        hint = 'log in (wandb login), or write it to disk: mode = "offline"'
        with boundary("cannot begin a run of Weights & Biases", BackendError, hint=hint):
            self._run: Any = wandb.init(
                project=config.project,
                entity=config.entity,
                mode=config.mode,
                name=run.path.name,
                id=run.path.name,
                resume="allow",
                dir=str(run.path),
                config=read_json(run.config_json),
                settings=wandb.Settings(silent=True, console="off"),
            )

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def text(self, step: int, name: str, text: str) -> None:
        self._run.log({name: self._wandb.Html(f"<pre>{html.escape(text)}</pre>")}, step=step)

    def close(self) -> None:
        self._run.finish()
