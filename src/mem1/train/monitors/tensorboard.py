"""TensorBoard: event files in the run directory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Literal

from mem1.storage.atomic import read_json, storage_errors
from mem1.storage.run_dir import RunDir
from mem1.train.monitors.config import Monitor, MonitorConfig


class TensorboardConfig(MonitorConfig):
    """Event files in ``tensorboard/`` of the run: ``tensorboard --logdir runs`` shows all runs."""

    type: Literal["tensorboard"] = "tensorboard"

    def build(self, run: RunDir, *, start: int) -> Monitor:
        """Open the event file. Raises ``StorageError``."""
        return _Board(run, start)


class _Board:
    def __init__(self, run: RunDir, start: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        with storage_errors("open the TensorBoard log", run.tensorboard):
            self._writer = SummaryWriter(str(run.tensorboard), purge_step=start + 1 if start else None)
        if not start:
            config = json.dumps(read_json(run.config_json), indent=1, ensure_ascii=False)
            self._writer.add_text("configuration", _as_code(config), 0)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def text(self, step: int, name: str, text: str) -> None:
        self._writer.add_text(name, _as_code(text), step)

    def close(self) -> None:
        self._writer.close()


def _as_code(text: str) -> str:
    """Texts are shown as Markdown: an indented block is shown as it is."""
    return "\n".join(f"    {line}" for line in text.splitlines())
