"""The one place where torch's global generator is seeded."""

from __future__ import annotations

import torch


def seed_torch(seed: int) -> None:
    """Seed what draws without a generator of its own (new value heads). Sampling and tasks have their own seeds."""
    torch.manual_seed(seed)
