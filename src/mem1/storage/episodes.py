"""Episodes on disk: one JSON line each, with a light index beside them (``episode_index.py``)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mem1.errors import StorageError
from mem1.storage.episode_index import (
    EpisodeEntry,
    IndexLine,
    IndexReader,
    bring_index_up_to_date,
    index_line,
    index_path,
    parse_episode,
    read_episode,
)
from mem1.storage.json_lines import LineWriter, read_lines, read_span
from mem1.storage.written import to_json
from mem1.types import Episode

__all__ = [
    "EpisodeEntry",
    "EpisodeWriter",
    "IndexLine",
    "digest",
    "index_path",
    "iter_episodes",
    "list_episodes",
    "not_intact",
    "read_episode",
    "read_episodes",
    "stored_line",
]


class EpisodeWriter:
    """Appends episodes to ``path`` (``.jsonl`` or ``.jsonl.gz``); one flushed line an episode.

    Reopening a file continues it, after cutting off a line torn by a crash. The index is a cache: it
    is written after the episode and completed from the episodes where it falls short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = LineWriter(path, whole=lambda: bring_index_up_to_date(path))
        self._index = LineWriter(index_path(path))

    def write(self, episode: Episode) -> EpisodeEntry:
        """Append one episode. Raises ``StorageError``, and leaves the file as it was before.

        An episode that could not be read back is refused (see ``storage/written.py``).
        """
        line = self._lines.write(to_json(episode, f"episode {episode.id!r}", where=str(self.path)))
        entry = index_line(episode, line)
        with suppress(StorageError):  # the episode is safe; the index is completed on the next opening
            self._index.write(to_json(entry, "an index line", where=str(self._index.path)))
        return entry

    def sync(self) -> None:
        """Wait until all episodes are on the disk: call it before anything is written that builds on them."""
        self._lines.sync()

    def close(self) -> None:
        """Close both files."""
        self._lines.close()
        self._index.close()

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def digest(path: Path, entry: EpisodeEntry) -> str:
    """SHA-256 of the episode's line as it lies on the disk. Raises ``StorageError`` where it is not there whole."""
    return hashlib.sha256(stored_line(path, entry)).hexdigest()


def stored_line(path: Path, entry: EpisodeEntry) -> bytes:
    """The episode's line as it lies on the disk. Raises ``StorageError`` where it is not there whole."""
    lines = read_span(path, entry.offset, entry.length).splitlines()
    if len(lines) > 1:  # several in one gzip member, written by another program
        lines = [line for line in lines if parse_episode(line, str(path)).id == entry.id]
    if not lines:
        raise StorageError(
            f"episode {entry.id!r} is not where the index says",
            where=f"{path}, byte {entry.offset}",
            hint=f"delete {index_path(path).name}; it is rebuilt from the episodes",
        )
    return lines[-1]


def not_intact(path: Path, wanted: Mapping[str, str | None]) -> dict[str, str]:
    """Which of the ``wanted`` episodes are not on the disk as they were written, each with why not.

    ``wanted`` gives the digest of each by its id; ``None`` where none was kept: it must then be readable. Of several
    with one id the last counts. The whole file is read.
    """
    if not path.is_file():
        return dict.fromkeys(wanted, f"{path.name} is missing")
    found: dict[str, EpisodeEntry] = {}
    broken = ""
    try:
        found.update((entry.id, entry) for entry in iter_episodes(path) if entry.id in wanted)
    except StorageError as error:
        broken = f" ({error.what})"
    bad = {id: f"not in {path.name}{broken}" for id in wanted if id not in found}
    for id, entry in found.items():
        try:
            if wanted[id] is None:
                read_episode(path, entry)
            elif digest(path, entry) != wanted[id]:
                bad[id] = f"another one than was evaluated stands in {path.name}"
        except StorageError as error:
            bad[id] = error.what
    return bad


def read_episodes(path: Path) -> Iterator[Episode]:
    """All whole episodes of a file, in the order written. Raises ``StorageError`` naming a bad line."""
    for number, line in enumerate(read_lines(path), start=1):
        yield parse_episode(line.text, f"{path}, line {number}")


def iter_episodes(path: Path) -> Iterator[IndexLine]:
    """The index of an episode file, one at a time, in the order written; what it lacks is read from the episodes."""
    return IndexReader(path).read()


def list_episodes(path: Path) -> list[EpisodeEntry]:
    """The whole index of an episode file, as ``iter_episodes`` gives it, without the words to search by."""
    fields = set(EpisodeEntry.model_fields)
    return [EpisodeEntry.model_construct(**entry.model_dump(include=fields)) for entry in iter_episodes(path)]
