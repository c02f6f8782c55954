"""How large what a run directory holds may be: the same at the door where it is written and where it is read.

A few megabytes of gzip can inflate to gigabytes, and a sparse file can be any size: what somebody else's run holds is
read up to these sizes and then refused, instead of filling the memory of whoever looks at it.
"""

from __future__ import annotations

import os

from mem1.errors import StorageError

_MIB = 1 << 20
_VARIABLE = "MEM1_MAX_LINE_MIB"
DOCUMENT = 512 * _MIB
"""Bytes of one JSON document: a configuration, an evaluation, a checkpoint's manifest."""
VOCABULARY = 64 * _MIB
"""Bytes of one vocabulary, inflated: 64 for each of a million tokens."""


def line_limit() -> int:
    """Bytes of one line (an episode, say), inflated: 128 MiB, or what ``MEM1_MAX_LINE_MIB`` says."""
    said = os.environ.get(_VARIABLE, "")
    return (int(said) if said.isdecimal() and int(said) else 128) * _MIB


def too_large(what: str, limit: int, *, where: str, hint: str | None = None) -> StorageError:
    """The complaint about ``what``, which is larger than ``limit`` bytes."""
    return StorageError(
        f"{what} is larger than {limit / _MIB:,.0f} MiB",
        where=where,
        hint=hint or "a run of ours holds nothing so large: delete the file, or ask where it comes from",
    )


def line_too_large(what: str, limit: int, *, where: str) -> StorageError:
    """The same for a line, whose limit can be raised."""
    return too_large(
        what, limit, where=where, hint=f"if you trust the run and have the memory, raise the limit: {_VARIABLE}=1024"
    )
