"""What can still be read of a damaged file of episodes is kept; the damaged file itself is put aside, never deleted."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors
from mem1.storage.episode_index import index_path, parse_episode
from mem1.storage.json_lines import LineWriter, read_lines

_MEMBER = b"\x1f\x8b\x08"  # how a gzip member begins
FOLDER = "damaged"
"""Where damaged files go, in the run directory."""


def set_damage_aside(path: Path) -> Path | None:
    """Where an episode file cannot be read to its end, put in its place what can be read of it.

    Returns where the damaged file is now (``damaged/NAME-1.jsonl.gz`` beside the folder of ``path``), or ``None`` where
    nothing was wrong. Reads the whole file. Raises ``StorageError`` where the disk fails.
    """
    if not path.is_file() or _whole(path):
        return None
    folder = path.parent.parent / FOLDER
    stem, ending = path.name.split(".", 1)
    aside = next(place for k in count(1) if not (place := folder / f"{stem}-{k}.{ending}").exists())
    kept = folder / f".{stem}.tmp.{ending}"
    with storage_errors("put a damaged file aside", path):
        folder.mkdir(exist_ok=True)
        kept.unlink(missing_ok=True)
        with LineWriter(kept) as lines:
            for text in surviving_lines(path):
                with suppress(StorageError):
                    parse_episode(text, str(path))
                    lines.write(text)
            lines.sync()
        os.replace(path, aside)
        index_path(path).unlink(missing_ok=True)
        os.replace(kept, path)
    return aside


def surviving_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file, those behind a damage too."""
    position: int | None = 0
    while position is not None:
        with suppress(StorageError):
            for line in read_lines(path, position):
                yield line.text
                position = line.offset + line.length
        position = _next_line(path, position)


def _whole(path: Path) -> bool:
    """Whether the file can be read to its end; a torn last line, which a writer cuts off anyway, is no damage."""
    end = 0
    try:
        for line in read_lines(path):
            end = line.offset + line.length
            parse_episode(line.text, str(path))
    except StorageError:
        return False
    return _next_line(path, end) is None


def _next_line(path: Path, position: int) -> int | None:
    """Where behind ``position`` the next line could begin."""
    if position + 1 >= path.stat().st_size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if path.suffix == ".gz":
            found = content.find(_MEMBER, position + 1)
            return found if found >= 0 else None
        found = content.find(b"\n", position)
        return found + 1 if 0 <= found < len(content) - 1 else None
