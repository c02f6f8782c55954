"""Episodes on disk: one JSON line each, with a light index beside them (``episode_index.py``)."""

from __future__ import annotations

from collections.abc import Iterator
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
from mem1.storage.json_lines import LineWriter, read_lines
from mem1.types import Episode

__all__ = [
    "EpisodeEntry",
    "EpisodeWriter",
    "IndexLine",
    "index_path",
    "iter_episodes",
    "list_episodes",
    "read_episode",
    "read_episodes",
]


class EpisodeWriter:
    """Appends episodes to ``path`` (``.jsonl`` or ``.jsonl.gz``); one flushed line an episode.

    Reopening a file continues it, after cutting off a line torn by a crash. The index is a cache: it
    is written after the episode and completed from the episodes where it falls short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = LineWriter(path, whole=bring_index_up_to_date(path))
        self._index = LineWriter(index_path(path))

    def write(self, episode: Episode) -> EpisodeEntry:
        """Append one episode. Raises ``StorageError``, and leaves the file as it was before."""
        line = self._lines.write(episode.model_dump_json().encode())
        entry = index_line(episode, line)
        with suppress(StorageError):  # the episode is safe; the index is completed on the next opening
            self._index.write(entry.model_dump_json().encode())
        return entry

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
