"""A corpus of any size on disk: the text is mapped into memory, one offset a passage says where each begins."""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mem1.errors import DataError, StorageError
from mem1.retrieval.base import Passage
from mem1.retrieval.corpus import passage_of
from mem1.retrieval.store.fingerprint import Fingerprint, confirm
from mem1.storage.atomic import storage_errors, write_json
from mem1.storage.written import read_record
from mem1.types import Record

STORE = "store.json"
OFFSETS = "offsets.u64"
TEXT = "corpus.jsonl"  # the inflated copy of a compressed corpus
_BLOCK = 1 << 22


class StoreInfo(Record):
    """What ``store.json`` keeps. ``corpus`` is the file that was read; a compressed one was inflated beside it."""

    schema_version: Literal[1] = 1
    corpus: str
    compressed: bool
    rows: int
    text_bytes: int
    source: Fingerprint


class CorpusStore:
    """Passages by row: row ``i`` is line ``i`` of the corpus, blank lines not counted.

    Opening costs no memory but for the pages that are read, which the operating system shares between processes and
    takes back when it needs them. ``build_store`` (``store_build.py``) makes one.
    """

    def __init__(self, folder: Path, info: StoreInfo) -> None:
        self.folder = folder
        self.info = info
        self.text_file = folder / TEXT if info.compressed else Path(info.corpus)
        with storage_errors("open the corpus store", folder):
            self._offsets: NDArray[np.uint64] = np.memmap(folder / OFFSETS, dtype="<u8", mode="r").view(np.ndarray)
            with self.text_file.open("rb") as file:
                self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(self._offsets) != info.rows + 1 or len(self._text) != info.text_bytes:
            raise DataError("the corpus store is damaged", where=str(folder), hint=_rebuild(folder, info.corpus))

    @classmethod
    def open(cls, folder: Path, corpus: Path | None = None) -> CorpusStore:
        """Open what ``build_store`` made in ``folder``; ``corpus`` says where the corpus lies now.

        Raises ``DataError`` where there is no store, or the corpus is not the one that was indexed. The compressed
        file may be gone: its inflated copy is what is read.
        """
        if not (folder / STORE).is_file():
            raise DataError(
                "there is no corpus store", where=str(folder), hint=_rebuild(folder, str(corpus or "CORPUS"))
            )
        info = read_record(StoreInfo, folder / STORE, hint=_rebuild(folder, str(corpus or "CORPUS")))
        path = corpus or Path(info.corpus)
        source = info.source
        if path.is_file() or not info.compressed:
            source = confirm(path, info.source, hint=_rebuild(folder, str(path)))
        now = info.model_copy(update={"corpus": str(path), "source": source})
        if now != info:
            _remember(folder, now)
        return cls(folder, now)

    def __len__(self) -> int:
        return self.info.rows

    def __getitem__(self, row: int) -> Passage:
        """The passage of a row. Raises ``IndexError``."""
        return passage_of(self.line(row))

    def line(self, row: int) -> dict[str, Any]:
        """The corpus line of a row, as it stands there. Raises ``IndexError``."""
        if not 0 <= row < self.info.rows:
            raise IndexError(f"row {row} of {self.info.rows}")
        values: dict[str, Any] = json.loads(self._text[int(self._offsets[row]) : int(self._offsets[row + 1])])
        return values

    def stream(self, first: int = 0, last: int | None = None) -> Iterator[Passage]:
        """Passages of rows ``first`` up to ``last`` (all), read in blocks from the file and never held together."""
        last = self.info.rows if last is None else last
        if first >= last:
            return
        start = int(self._offsets[first])
        with storage_errors("read the corpus", self.text_file), self.text_file.open("rb", buffering=_BLOCK) as file:
            file.seek(start)
            left = last - first
            for raw in file:
                if raw.strip():
                    yield passage_of(json.loads(raw))
                    left -= 1
                    if not left:
                        return


def _remember(folder: Path, info: StoreInfo) -> None:
    """Keep where the corpus lies now and when it was last changed; on a read-only disk it is looked at again."""
    with suppress(StorageError):
        write_json(folder / STORE, info.model_dump(mode="json"))


def _rebuild(folder: Path, corpus: str) -> str:
    return f"build it: mem1 index {corpus} --out {folder}"
