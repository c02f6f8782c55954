"""What is said where one of verl's processes died or failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayActorError

from mem1.errors import BackendError, boundary

HINT = "its log tells why (`ray logs`); go on from the last checkpoint: --run DIR --resume"
_FACT = re.compile(r"^\s*(name|pid|ip): (\S+)", re.M)


@contextmanager
def training() -> Iterator[None]:
    """Turn whatever verl's training processes raise in the block into ``BackendError``."""
    with boundary("a training process of verl failed", BackendError, hint=HINT):
        try:
            yield
        except RayActorError as error:
            raise BackendError(f"a training process of verl is gone: {which(error)}", hint=HINT) from error


def which(error: Exception) -> str:
    """The process that an error of Ray's names, by its rank, id and node; the error's first line where it names none.

    verl calls a process by its place among the bundles of its resources, ``abcWorkerDict_0:1``.
    """
    facts = dict(_FACT.findall(str(error)))
    place = facts.get("name", "").rpartition("_")[2]
    bundle, _, rank = place.partition(":")
    told = [f"rank {rank}" if bundle == "0" else f"rank {rank} of bundle {bundle}"] if rank else []
    told += [f"process {facts['pid']}"] if "pid" in facts else []
    told += [f"on {facts['ip']}"] if "ip" in facts else []
    return " ".join(told) or (str(error).splitlines() or [type(error).__name__])[0]
