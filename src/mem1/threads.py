"""How many cores there are for us, and how the threads of torch wait for one another: they sleep at once.

By default OpenMP's threads spin for milliseconds before they sleep. Where another process wants the same cores, each of
the thousands of meetings in a training step then takes as long as the system lets that process run. Threads that sleep
lose a little where nothing else runs. Measured by ``benchmarks/threads.py``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping

CHOICE: Mapping[str, str] = {"OMP_WAIT_POLICY": "PASSIVE"}
WAITING = (*CHOICE, "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
"""Variables that say how threads wait: of every OpenMP, of GNU's, of LLVM's and Intel's."""

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
    return f"waiting as {found} says" if not _chosen else f"sleeping at once ({found})"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
