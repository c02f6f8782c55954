"""Writing to disk so that a crash or a full disk never leaves half a file behind."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mem1.errors import StorageError
from mem1.storage.guards.limits import DOCUMENT, check_parts, too_large

_HINTS = {
    errno.ENOSPC: "free some space on this disk, or write the run to another one; what was finished before is intact",
    errno.EDQUOT: "your disk quota is used up: free some space or write the run elsewhere",
    errno.EFBIG: "the file would grow beyond the allowed size: raise the limit (ulimit -f) or compress the episodes",
    errno.EACCES: "make the directory writable for you, or choose another one",
    errno.EPERM: "make the directory writable for you, or choose another one",
    errno.EROFS: "this file system is read-only: choose another directory",
    errno.ENOENT: "check the path; the run directory may have been moved or deleted",
    errno.ENOTDIR: "a part of this path is a file: choose another directory",
    errno.EISDIR: "a directory stands where this file belongs: move it away",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextmanager
def storage_errors(doing: str, path: Path) -> Iterator[None]:
    """Turn an ``OSError`` into a ``StorageError`` that names the path and a hint."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"cannot {doing}: {error.strerror or error}",
            where=str(path),
            hint=_HINTS.get(error.errno or 0, "check the disk and the path"),
        ) from error


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step: readers see the old content or the new, never a part.

    The parent directory is made if needed. On any failure the old file stays and the temporary one
    is removed. A device or a pipe (/dev/stdout) is written to, not replaced. Raises ``StorageError``.
    """
    with storage_errors(f"write {path.name}", path):
        if path.exists() and not (path.is_file() or path.is_dir()):
            path.write_bytes(data)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name[:64]}.{uuid.uuid4().hex}.tmp")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_directory(path.parent)


def write_json(path: Path, value: Any, *, indent: int = 2) -> None:
    """Atomically write ``value`` as indented JSON.

    Raises ``StorageError``, also for what could not be read back: NaN, infinity, half a surrogate pair, no JSON at all.
    """
    try:
        data = (json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n").encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise StorageError(
            f"{path.name} would hold what no JSON file can: {error}",
            where=str(path),
            hint="this is a fault in what was to be written; the file is as it was before",
        ) from error
    if len(data) > DOCUMENT:
        raise too_large(path.name, DOCUMENT, where=str(path), hint="the file is as it was before")
    write_atomic(path, data)


def read_document(path: Path, limit: int = DOCUMENT) -> bytes:
    """The content of a file of at most ``limit`` bytes. Raises ``StorageError`` when it is missing or larger."""
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        data = file.read(limit + 1) if os.fstat(file.fileno()).st_size <= limit else None
    if data is None or len(data) > limit:
        raise too_large(path.name, limit, where=str(path))
    return data


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises ``StorageError`` when it is missing, damaged, too large or nested too deeply."""
    data = read_document(path)
    check_parts(data, path.name, where=str(path))
    try:
        return json.loads(data.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise StorageError(
            f"{path.name} is not JSON: {error}", where=str(path), hint="restore the file from a copy"
        ) from error


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def sync_directory(path: Path) -> None:
    """Flush a directory's entries, so that a rename survives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Flush everything below ``folder``, and it itself, so that it can be renamed into place whole."""
    for path in [folder, *folder.rglob("*")]:
        sync_directory(path)  # files are flushed in the same way
