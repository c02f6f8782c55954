"""An engine that follows a policy which is trained outside of it."""

from __future__ import annotations

from typing import Protocol

from mem1.inference.base import Engine

EXACT = 1e-4
"""Nats: what two float32 implementations may differ by in one token."""
ROUNDED = 0.5
"""Nats: the same where one of them computes in half precision. Up to 0.41 was measured (docs/scaling.md)."""


class Follower(Engine, Protocol):
    """What such an engine is asked beside what any is."""

    @property
    def handover_gap(self) -> float:
        """Most that a token's log-probability may differ by from the trainer's after a hand-over, in nats."""

    async def confirm(self) -> None:
        """Raise ``BackendError`` where it does not write with the weights that it was given last."""

    async def sleep(self) -> None:
        """Give the memory of its device back until it is given weights (``update_weights``); asked to where the recipe
        says so (``FollowingConfig.sleep``). Raises ``BackendError``, also while something is being written."""
