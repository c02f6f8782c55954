"""Episodes on disk: one JSON line each, with a light index beside them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from pydantic import ValidationError

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors
from mem1.storage.json_lines import Line, LineWriter, read_lines, read_span
from mem1.types import Episode, Record, StopReason


class EpisodeEntry(Record):
    """What a list of episodes shows, and where the whole record is."""

    id: str
    group_id: str
    task_id: str
    strategy: str
    objectives: int
    turns: int
    stop: StopReason
    reward: float | None
    em_sum: float | None
    f1_sum: float | None
    peak: int
    peak_without_prompt: int
    seconds: float
    offset: int
    length: int


class EpisodeWriter:
    """Appends episodes to ``path`` (``.jsonl`` or ``.jsonl.gz``); one flushed line an episode.

    Reopening a file continues it, after cutting off a line torn by a crash. The index is a cache: it
    is written after the episode and rebuilt from the episodes where it falls short.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = LineWriter(path)
        bring_index_up_to_date(path)
        self._index = LineWriter(index_path(path))

    def write(self, episode: Episode) -> EpisodeEntry:
        """Append one episode. Raises ``StorageError``, and leaves the file as it was before."""
        line = self._lines.write(episode.model_dump_json().encode())
        entry = _entry(episode, line)
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
        yield _parse(line.text, f"{path}, line {number}")


def read_episode(path: Path, entry: EpisodeEntry) -> Episode:
    """The one episode that ``entry`` of this file's index points to."""
    where = f"{path}, byte {entry.offset}"
    for text in read_span(path, entry.offset, entry.length).splitlines():
        episode = _parse(text, where)
        if episode.id == entry.id:
            return episode
    raise StorageError(
        f"episode {entry.id!r} is not where the index says",
        where=where,
        mend=f"delete {index_path(path).name}; it is rebuilt from the episodes",
    )


def list_episodes(path: Path) -> list[EpisodeEntry]:
    """The index of an episode file, in the order written; what it lacks is read from the episodes."""
    entries, _ = _read_index(path)
    return entries + [_entry_of(path, line) for line in read_lines(path, _covered(entries))]


def bring_index_up_to_date(path: Path) -> None:
    """Make the index on disk cover exactly the episodes on disk."""
    entries, sound = _read_index(path)
    if not sound:
        index_path(path).unlink(missing_ok=True)
        entries = []
    with LineWriter(index_path(path)) as lines:
        for line in read_lines(path, _covered(entries)):
            lines.write(_entry_of(path, line).model_dump_json().encode())


def index_path(path: Path) -> Path:
    """Where the index of an episode file is."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".jsonl") + ".index.jsonl")


def _read_index(path: Path) -> tuple[list[EpisodeEntry], bool]:
    """The entries that fit the episode file without a gap, and whether the index holds nothing else."""
    entries: list[EpisodeEntry] = []
    if not index_path(path).is_file():
        return entries, True
    with storage_errors(f"read {path.name}", path):
        size = path.stat().st_size
    try:
        for line in read_lines(index_path(path)):
            entry = EpisodeEntry.model_validate_json(line.text)
            same = bool(entries) and (entry.offset, entry.length) == (entries[-1].offset, entries[-1].length)
            if not same and (entry.offset != _covered(entries) or entry.offset + entry.length > size):
                return entries, False
            entries.append(entry)
        if entries:
            read_episode(path, entries[-1])  # the file may have been replaced by another one
    except (ValidationError, StorageError):
        return [], False
    return entries, True


def _covered(entries: list[EpisodeEntry]) -> int:
    return entries[-1].offset + entries[-1].length if entries else 0


def _entry_of(path: Path, line: Line) -> EpisodeEntry:
    return _entry(_parse(line.text, f"{path}, byte {line.offset}"), line)


def _entry(episode: Episode, line: Line) -> EpisodeEntry:
    return EpisodeEntry(
        id=episode.id,
        group_id=episode.group_id,
        task_id=episode.task.id,
        strategy=episode.strategy,
        objectives=episode.task.size,
        turns=len(episode.turns),
        stop=episode.stop,
        reward=episode.reward,
        em_sum=episode.score.em_sum if episode.score else None,
        f1_sum=episode.score.f1_sum if episode.score else None,
        peak=episode.peak,
        peak_without_prompt=episode.peak_without_prompt,
        seconds=episode.seconds,
        offset=line.offset,
        length=line.length,
    )


def _parse(text: bytes, where: str) -> Episode:
    try:
        return Episode.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "the line"
        raise StorageError(
            f"not an episode of this version: {field}: {first['msg']}",
            where=where,
            mend="remove the line, or read the file with the version of mem1 that wrote it (see versions.json)",
        ) from error
