"""How many cores there are for us, and how the threads of torch wait: they spin briefly, then sleep.

By default OpenMP's threads spin for milliseconds before they sleep. Where another process wants the same cores, each of
the thousands of meetings in a training step then takes as long as the system lets that process run. Threads that sleep
at once lose time wherever nothing else runs. The choice is between these two, measured by ``benchmarks/threads.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

CHOICE: Mapping[str, str] = {"GOMP_SPINCOUNT": "3000", "KMP_BLOCKTIME": "1"}
"""GNU's OpenMP counts its spins, LLVM's and Intel's the milliseconds."""
WAITING = ("OMP_WAIT_POLICY", *CHOICE)
"""Variables that say how threads wait."""

_chosen: list[bool] = []


def choose(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Set ``CHOICE`` where nothing was said of it, and return whether that is so.

    Works before torch is loaded: OpenMP reads its variables once. The command does it; ``import mem1`` does not.
    """
    if any(name in environment for name in WAITING):
        return False
    environment.update(CHOICE)
    _chosen[:] = [True]
    return True


def told(environment: Mapping[str, str] = os.environ) -> str:
    """How threads wait, and who said so."""
    found = " ".join(f"{name}={environment[name]}" for name in WAITING if name in environment)
    if not found:
        return "waiting as OpenMP does by itself"
    return f"waiting as {found} says" if not _chosen else f"spinning briefly, then sleeping ({found})"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
