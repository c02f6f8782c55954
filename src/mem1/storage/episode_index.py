"""The light index beside an episode file: one JSON line an episode, read without the episodes.

The index is a cache. It is written after the episode, believed as far as it fits the file without a gap, and what it
lacks is read from the episodes themselves. Nothing here holds more than one line at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, ValidationError

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors
from mem1.storage.guards.limits import line_limit
from mem1.storage.json_lines import Line, LineWriter, read_lines, read_span
from mem1.storage.upgrade import upgraded_episode
from mem1.storage.written import from_json, to_json
from mem1.types import Composition, Episode, Record, StopReason

Count = Annotated[int, Field(ge=0, lt=1 << 62)]
"""A number that a database and a file position can hold, whoever wrote it."""


_OBJECTIVES, _SHOWN = 3, 80  # how many of them a line holds, and how many characters of each text
T = TypeVar("T")
_OTHER_VERSION = "remove the line, or read the file with the version of mem1 that wrote it (see versions.json)"


class EpisodeEntry(Record):
    """What a list of episodes shows, and where the whole record is."""

    id: str
    group_id: str
    task_id: str
    strategy: str
    composition: Composition
    objectives: Count
    turns: Count
    stop: StopReason
    reward: float | None
    advantage: float | None
    met: float | None
    f1_sum: float | None
    peak: Count
    peak_without_prompt: Count
    tokens: Count
    seconds: float
    error: str | None
    offset: Count
    length: Count


class Said(Record):
    """One objective in a list: the beginnings of an accepted answer and of the given one, and what that scored."""

    wanted: str
    given: str | None
    score: float | None


class IndexLine(EpisodeEntry):
    """An entry with the words that it can be searched by: questions, accepted and given answers, a failure's text.

    ``said``: the first objectives; ``None`` in lines that were written before it was kept.
    """

    text: str
    said: tuple[Said, ...] | None = None

    @property
    def end(self) -> int:
        """The byte behind its episode."""
        return self.offset + self.length


def index_path(path: Path) -> Path:
    """Where the index of an episode file is."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".jsonl") + ".index.jsonl")


def index_line(episode: Episode, line: Line) -> IndexLine:
    """The entry of ``episode``, which is stored at ``line``."""
    words = [word for one in episode.task.objectives for word in (one.question, one.standalone, *one.answers) if word]
    words += [answer for answer in episode.answers if answer]
    words += [f"{episode.error.type}: {episode.error.message}"] if episode.error else []
    return IndexLine(
        id=episode.id,
        group_id=episode.group_id,
        task_id=episode.task.id,
        strategy=episode.strategy,
        composition=episode.task.composition,
        objectives=episode.task.size,
        turns=len(episode.turns),
        stop=episode.stop,
        reward=episode.reward,
        advantage=episode.advantage,
        met=episode.score.total(episode.score.main) if episode.score else None,
        f1_sum=episode.score.total("f1") if episode.score and "f1" in episode.score.metrics else None,
        peak=episode.peak,
        peak_without_prompt=episode.peak_without_prompt,
        tokens=sum(call.peak for call in episode.calls),
        seconds=episode.seconds,
        error=episode.error.type if episode.error else None,
        offset=line.offset,
        length=line.length,
        text="\n".join(dict.fromkeys(words)),
        said=said_in(episode),
    )


def said_in(episode: Episode) -> tuple[Said, ...]:
    """What a list shows of the first objectives."""
    values = episode.score.metrics[episode.score.main] if episode.score else ()
    return tuple(
        Said(
            wanted=objective.answers[0][:_SHOWN] if objective.answers else "",
            given=answer[:_SHOWN] if (answer := _at(episode.answers, k)) is not None else None,
            score=_at(values, k),
        )
        for k, objective in enumerate(episode.task.objectives[:_OBJECTIVES])
    )


def _at(values: Sequence[T | None], index: int) -> T | None:
    return values[index] if index < len(values) else None


class IndexReader:
    """Reads the entries of one episode file, and later those that were added since.

    ``covered`` bytes of the episode file were read so far; the first ``end`` bytes of its index belong to ``listed``
    of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.covered = 0
        self.listed = 0
        self.end = 0
        self._last: IndexLine | None = None
        self._seen = b""
        self._believed: bool | None = None

    def stands(self) -> bool:
        """Whether what was read before is still so; false when a resumed run has cut the file back, say."""
        if self._last is None:
            return True
        try:
            return _raw(self.path, self._last) == self._seen
        except StorageError:
            return False

    def read(self) -> Iterator[IndexLine]:
        """The entries not read before, in the order written. Raises ``StorageError`` naming a bad episode."""
        yield from self.from_index()
        yield from self.from_episodes()

    def from_index(self) -> Iterator[IndexLine]:
        """What the index holds of them."""
        index = index_path(self.path)
        if self._believed is None:
            self._believed = self._believable(index)
        if not self._believed:
            return
        before = self.covered
        try:
            for entry, end in _fitting(index, self.end, self.listed, _size(self.path)):
                self.end, self.listed = end, entry.end
                if entry.end > before:  # else it was read from the episodes before its index line was written
                    self.covered, self._last = entry.end, entry
                    yield entry
        finally:
            self._look()

    def from_episodes(self) -> Iterator[IndexLine]:
        """What only the episodes hold."""
        try:
            for line in read_lines(self.path, self.covered):
                entry = _entry(line, f"{self.path}, byte {line.offset}")
                self.covered, self._last = entry.end, entry
                yield entry
        finally:
            self._look()

    def _look(self) -> None:
        if self._last is not None:
            self._seen = _raw(self.path, self._last)

    def _believable(self, index: Path) -> bool:
        """Whether the last entry that fits is where it says; the file may have been replaced by another one."""
        last = None
        for entry, _ in _fitting(index, 0, 0, _size(self.path)):
            last = entry
        return last is None or _holds(self.path, last)


def bring_index_up_to_date(path: Path) -> int:
    """Make the index on disk cover exactly the whole episodes on disk; returns how many bytes they are."""
    index = index_path(path)
    if not path.is_file():
        index.unlink(missing_ok=True)
        return 0
    reader = IndexReader(path)
    for _ in reader.from_index():
        pass
    if index.is_file() and _size(index) > reader.end:
        with storage_errors(f"cut back {index.name}", index):
            os.truncate(index, reader.end)
    with LineWriter(index, whole=reader.end) as lines:
        for entry in reader.from_episodes():
            lines.write(to_json(entry, "an index line", where=str(index)))
    return reader.covered


def read_episode(path: Path, entry: EpisodeEntry) -> Episode:
    """The episode that ``entry`` points to. Raises ``StorageError``."""
    where = f"{path}, byte {entry.offset}"
    for text in read_span(path, entry.offset, entry.length).splitlines():
        episode = parse_episode(text, where)
        if episode.id == entry.id:
            return episode
    raise StorageError(
        f"episode {entry.id!r} is not where the index says",
        where=where,
        hint=f"delete {index_path(path).name}; it is rebuilt from the episodes",
    )


def parse_episode(text: bytes, where: str) -> Episode:
    """A line as an episode, of this version or a former one. Raises ``StorageError`` that names field and ``where``."""
    return from_json(Episode, text, "episode", where=where, hint=_OTHER_VERSION, upgrade=upgraded_episode)


def _fitting(index: Path, start: int, covered: int, size: int) -> Iterator[tuple[IndexLine, int]]:
    """The lines of an index from byte ``start`` on, each with its own end, up to the first that does not follow.

    Each must begin where the one before ends (the first at ``covered``), or lie in the same gzip member, and end
    within ``size`` bytes.
    """
    if not index.is_file():
        return
    before = -1, -1
    with suppress(StorageError):
        for line in read_lines(index, start):
            entry = from_json(IndexLine, line.text, "index line", where=str(index), hint="delete the index")
            place = entry.offset, entry.length
            if place != before and (entry.offset != covered or entry.end > size):
                return
            covered, before = entry.end, place
            yield entry, line.offset + line.length


def _entry(line: Line, where: str) -> IndexLine:
    episode = parse_episode(line.text, where)
    try:
        return index_line(episode, line)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise StorageError(
            f"this is no episode of this version: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            where=where,
            hint=_OTHER_VERSION,
        ) from error


def _holds(path: Path, entry: EpisodeEntry) -> bool:
    """Whether the episode of ``entry`` is at its place in the file."""
    try:
        read_episode(path, entry)
    except StorageError:
        return False
    return True


def _raw(path: Path, entry: EpisodeEntry) -> bytes:
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        file.seek(entry.offset)
        return file.read(min(entry.length, line_limit()))


def _size(path: Path) -> int:
    with storage_errors(f"read {path.name}", path):
        return path.stat().st_size
