"""Building a corpus store: one pass over the corpus, in little memory, that can be killed and gone on with."""

from __future__ import annotations

import hashlib
import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Literal

import numpy as np

from mem1.errors import DataError, StorageError
from mem1.retrieval.corpus import HINT, check_passage
from mem1.retrieval.progress import Report, quiet
from mem1.retrieval.store.fingerprint import Fingerprint, fingerprint
from mem1.retrieval.store.store import OFFSETS, STORE, TEXT, CorpusStore, StoreInfo
from mem1.retrieval.store.text import is_copied, open_text
from mem1.storage.atomic import storage_errors, write_json
from mem1.storage.foreign import parsed_object
from mem1.storage.rows import Row
from mem1.storage.written import read_record
from mem1.types import Record

PROGRESS = "store.progress.json"
IDS = "ids.u64"
_ROWS = 1 << 15  # rows between two points from which a build can go on
_BOM = b"\xef\xbb\xbf"


class _Progress(Record):
    """Where a build stands; everything before is on disk. ``position`` and ``crc`` are as in ``TextSource``."""

    schema_version: Literal[1] = 1
    source: Fingerprint
    rows: int = 0
    lines: int = 0
    position: int = 0
    crc: int = 0


def build_store(corpus: Path, folder: Path, *, resume: bool = False, report: Report = quiet) -> CorpusStore:
    """Make ``folder`` the store of ``corpus`` (whatever ``read_corpus`` reads), or open it where that was done.

    Each line is checked. A corpus that is packed, or a table, is written into the folder as JSON lines, because nothing
    inside it can be reached without reading what stands before. ``resume`` goes on with a build that was cut off.

    Raises ``DataError`` naming the line for rows that are no passages and for ids that are used twice; ``StorageError``
    where the folder holds a build that was cut off and ``resume`` is not given.
    """
    if not (folder / STORE).is_file():
        state = _begin(corpus, folder, resume=resume)
        with storage_errors("write the corpus store", folder):
            _finish(corpus, folder, _read(corpus, folder, state, report))
    return CorpusStore.open(folder, corpus)


def _begin(corpus: Path, folder: Path, *, resume: bool) -> _Progress:
    source = fingerprint(corpus)
    if not (folder / PROGRESS).is_file():
        return _Progress(source=source)
    if not resume:
        raise StorageError(
            "a build was begun here and cut off",
            where=str(folder),
            hint="go on with it: --resume; or delete the folder",
        )
    state = read_record(_Progress, folder / PROGRESS, hint=f"delete {folder} and begin anew")
    if state.source != source:
        raise DataError(
            "the corpus was changed since this build was begun",
            where=str(corpus),
            hint=f"delete {folder} and begin anew",
        )
    return state


def _read(corpus: Path, folder: Path, state: _Progress, report: Report) -> _Progress:
    """Check every line and write down where it begins; returns the state at the end."""
    folder.mkdir(parents=True, exist_ok=True)
    text = open_text(corpus, state.position, state.crc)
    with ExitStack() as stack:
        offsets = stack.enter_context(_reopened(folder / OFFSETS, state.rows * 8))
        ids = stack.enter_context(_reopened(folder / IDS, state.rows * 8))
        copy = stack.enter_context(_reopened(folder / TEXT, state.position)) if is_copied(corpus) else None
        files = [offsets, ids, *([copy] if copy else [])]
        rows, lines, position = state.rows, state.lines, state.position
        for raw in text.lines():
            lines += 1
            start = position
            position += len(raw)
            if copy is not None:
                copy.write(raw)
            if lines == 1 and raw.startswith(_BOM):
                start, raw = start + len(_BOM), raw[len(_BOM) :]
            if not raw.strip():
                continue
            ids.write(_hash(_checked_id(raw, corpus, lines)))
            offsets.write(start.to_bytes(8, "little"))
            rows += 1
            if rows % _ROWS == 0:
                state = _keep(folder, files, state, rows=rows, lines=lines, position=position, crc=text.crc)
                report("reading the corpus", text.done, state.source.size)
        offsets.write(position.to_bytes(8, "little"))
        report("reading the corpus", state.source.size, state.source.size)
        return _keep(folder, files, state, rows=rows, lines=lines, position=position, crc=text.crc)


def _keep(folder: Path, files: list[IO[bytes]], state: _Progress, **values: int) -> _Progress:
    """Put on disk what was written, then say so: the state never runs ahead of the files."""
    for file in files:
        file.flush()
        os.fsync(file.fileno())
    state = state.model_copy(update=values)
    write_json(folder / PROGRESS, state.model_dump(mode="json"))
    return state


def _reopened(path: Path, size: int) -> IO[bytes]:
    """The file cut to ``size`` bytes, to be appended to: what was written after the last state is written again."""
    file = path.open("ab")
    file.truncate(size)
    return file


def _checked_id(raw: bytes, corpus: Path, line: int) -> str:
    where = f"{corpus}, line {line}"
    values = parsed_object(raw, where, hint=HINT)
    # The common case costs two look-ups; everything else is told apart by what checks rows elsewhere.
    name, contents = values.get("id"), values.get("contents")
    if type(name) is str and name and type(contents) is str:
        return name
    return check_passage(Row(values, where, HINT)).id


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _finish(corpus: Path, folder: Path, state: _Progress) -> None:
    if not state.rows:
        raise DataError("the corpus is empty", where=str(corpus), hint=HINT)
    info = StoreInfo(
        corpus=str(corpus),
        compressed=is_copied(corpus),
        rows=state.rows,
        text_bytes=state.position,
        source=state.source.model_copy(update={"crc": state.crc}),
    )
    _check_ids(CorpusStore(folder, info), folder)
    write_json(folder / STORE, info.model_dump(mode="json"))
    (folder / PROGRESS).unlink(missing_ok=True)
    (folder / IDS).unlink()


def _check_ids(store: CorpusStore, folder: Path) -> None:
    """Raise ``DataError`` where two rows have the same id; 8 bytes a row instead of all ids."""
    hashes = np.fromfile(folder / IDS, dtype="<u8")
    ordered = np.sort(hashes)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    for value in repeated:
        seen: dict[str, int] = {}
        for row in np.flatnonzero(hashes == value).tolist():
            name = store[row].id
            if name in seen:
                raise DataError(
                    f"the id {name!r} is used twice, first in row {seen[name] + 1}",
                    where=f"{store.text_file}, row {row + 1} (blank lines not counted)",
                    hint="give every row an id of its own",
                )
            seen[name] = row
