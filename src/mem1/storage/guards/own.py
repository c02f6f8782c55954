"""A run directory may come from somebody else: nothing in it may lead out of it.

A link inside it could make a resumed run append to, cut or replace any file of yours, or a report show one; a pipe
would hold up whoever reads it. The run directory itself may be reached through links.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors


def refuse_strange_files(root: Path) -> None:
    """Raise ``StorageError`` for anything below ``root`` that is neither a plain file nor a directory."""
    with storage_errors("look through the run directory", root):
        waiting = list(os.scandir(root))
        while waiting:
            entry = waiting.pop()
            with suppress(FileNotFoundError):  # a temporary file of a run that is being written
                mode = entry.stat(follow_symlinks=False).st_mode
                if stat.S_ISDIR(mode):
                    waiting += os.scandir(entry.path)
                elif not stat.S_ISREG(mode):
                    raise _strange(entry.path, mode)


def _strange(path: str, mode: int) -> StorageError:
    kind = "a link" if stat.S_ISLNK(mode) else "a pipe, socket or device"
    return StorageError(
        f"{kind} lies in the run directory",
        where=path,
        hint="a run holds plain files and folders only, so that it cannot lead to files of yours: if the link is your "
        "own, put what it points to in its place (or move the whole run)",
    )
