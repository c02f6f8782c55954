"""What a trainer of weights is, wherever they are: it is given neutral rows (``train/rows/row.py``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from mem1.train.rows.row import Row


@runtime_checkable
class TrainerBackend(Protocol):
    """Holds weights and an optimizer. Engines that sample get the weights by ``Engine.update_weights``."""

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """For each row the log-probability (nats) of each trained token under the weights as they are."""

    def step(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """One optimizer step on a minibatch: the gradient of all rows together. Returns what is to be noted.

        Raises ``Mem1Error``; the weights are then as before.
        """

    def save(self, folder: Path) -> None:
        """Write weights and optimizer into ``folder``, which is made."""

    def load(self, folder: Path) -> None:
        """Go on from what ``save`` wrote."""
