"""What every monitor offers, and the kind of part that a recipe lists under ``monitors``. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from pydantic import Field

from mem1.registry import Kind, Part
from mem1.storage.run_dir import RunDir


class Monitor(Protocol):
    """Follows a run. What is told twice for a step, as after a resumption, replaces what was told before.

    Whatever it raises once it is open is said and costs the run nothing but this monitor.
    """

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers after ``step`` steps, by name (``section/name``)."""

    def text(self, step: int, name: str, text: str) -> None:
        """A text after ``step`` steps: an episode as the policy wrote it."""

    def close(self) -> None:
        """Nothing more will come."""


class MonitorConfig(Part):
    """Any monitor, told apart by ``type``. ``texts_every``: steps from one episode that is shown to the next; 0: none.

    It is told the run's configuration when it is opened.
    """

    part_kind: ClassVar[Kind] = "monitor"

    texts_every: int = Field(default=10, ge=0)

    def build(self, run: RunDir, *, start: int) -> Monitor:
        """Open it for ``run``, of which ``start`` steps are done. Raises ``Mem1Error`` where it cannot be reached."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is opened: define build")
