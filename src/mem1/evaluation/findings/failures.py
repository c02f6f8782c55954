"""Why episodes failed: the same cause counted once, whatever numbers its messages hold."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mem1.evaluation.records import Failure
from mem1.types import Episode, EpisodeError

_LONGEST = 300  # characters of a message that are kept
# Ports, counts, addresses, ids: what differs between failures of one cause.
_VARIES = re.compile(r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}|\d+(?:\.\d+)*")


def failures(episodes: Iterable[Episode]) -> tuple[Failure, ...]:
    """The causes for which ``episodes`` failed, the most frequent first."""
    return merged(_one(episode.error) for episode in episodes if episode.error)


def merged(some: Iterable[Failure]) -> tuple[Failure, ...]:
    """Failures of the same cause put together, the most frequent first."""
    found: dict[tuple[str, str], Failure] = {}
    for failure in some:
        cause = failure.type, _VARIES.sub("#", failure.message)
        known = found.get(cause)
        found[cause] = failure if known is None else known.model_copy(update={"count": known.count + failure.count})
    return tuple(sorted(found.values(), key=lambda failure: -failure.count))


def _one(error: EpisodeError) -> Failure:
    text = error.message.strip()
    first = text.splitlines()[0].strip() if text else ""
    return Failure(type=error.type, message=first[:_LONGEST], count=1)
