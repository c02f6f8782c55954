"""Whether a large file is still the one that an index was built from."""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path

from mem1.errors import DataError
from mem1.types import Record

_END = 1 << 20
_BLOCK = 1 << 22


class Fingerprint(Record):
    """What is known of a file: bytes, time of its last change, hash of its first and last MiB, CRC-32 of all."""

    size: int
    mtime_ns: int
    ends: str
    crc: int = 0


def fingerprint(path: Path, *, crc: int = 0) -> Fingerprint:
    """A file's fingerprint; ``crc`` is what whoever read the whole file made of it. Raises ``DataError``."""
    try:
        found = path.stat()
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_END))
            file.seek(max(0, found.st_size - _END))
            digest.update(file.read(_END))
    except OSError as error:
        raise DataError(f"cannot read the corpus: {error.strerror}", where=str(path), hint="check the path") from error
    return Fingerprint(size=found.st_size, mtime_ns=found.st_mtime_ns, ends=digest.hexdigest(), crc=crc)


def confirm(path: Path, known: Fingerprint, *, hint: str) -> Fingerprint:
    """Raise ``DataError`` where ``path`` is not what it was; returns the fingerprint that holds from now on.

    Size and both ends are compared each time. Where only the time differs (a copy, a ``touch``) the whole file is
    read once and its checksum compared.
    """
    now = fingerprint(path, crc=known.crc)
    if (now.size, now.ends) != (known.size, known.ends):
        raise DataError(_changed(known, now), where=str(path), hint=hint)
    if now.mtime_ns != known.mtime_ns and checksum(path) != known.crc:
        raise DataError("the corpus was changed since it was indexed: its checksum differs", where=str(path), hint=hint)
    return now


def checksum(path: Path) -> int:
    """CRC-32 of all bytes."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return crc


def _changed(known: Fingerprint, now: Fingerprint) -> str:
    if known.size != now.size:
        return f"the corpus was changed since it was indexed: {known.size:,} bytes then, {now.size:,} now"
    return "the corpus was changed since it was indexed: its first or last MiB differs"
