"""How large what a run directory holds may be: the same at the door where it is written and where it is read.

A few megabytes of gzip can inflate to gigabytes, and a sparse file can be any size: what somebody else's run holds is
read up to these sizes and then refused, instead of filling the memory of whoever looks at it.
"""

from __future__ import annotations

import os

from mem1.errors import StorageError

_MIB = 1 << 20
_VARIABLE = "MEM1_MAX_LINE_MIB"
DOCUMENT = 128 * _MIB
"""Bytes of one JSON document: a configuration, an evaluation, a checkpoint's manifest."""
VOCABULARY = 64 * _MIB
"""Bytes of one vocabulary, inflated: 64 for each of a million tokens."""

_NUMBERS, _NAMES = 16_000_000, 1_000_000


def check_parts(text: bytes, what: str, *, where: str) -> None:
    """Raise ``StorageError`` where JSON ``text`` has more parts than a record of ours: each costs memory once read.

    64 bytes for a number, some hundreds for a name that does not belong there and has to be complained of.
    """
    if text.count(b",") > _NUMBERS or text.count(b'"') + text.count(b"{") + text.count(b"[") > _NAMES:
        raise StorageError(
            f"{what} has more than {_NUMBERS:,} numbers or {_NAMES:,} names and texts",
            where=where,
            hint="no record of ours has so many: delete the file, or ask where it comes from",
        )


def line_limit() -> int:
    """Bytes of one line (an episode, say), inflated: 64 MiB, or what ``MEM1_MAX_LINE_MIB`` says."""
    said = os.environ.get(_VARIABLE, "")
    return (int(said) if said.isdecimal() and int(said) else 64) * _MIB


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
