"""Stored pages by address, for web questions without a network."""

from __future__ import annotations

import os
from pathlib import Path

from mem1.errors import DataError
from mem1.storage.foreign import parsed_object

_HINT = 'each line is {"url": "https://...", "text": "..."}'


class PageStore:
    """A JSON-lines file of pages, read by offset: memory holds the addresses only. Thread-safe.

    Raises ``DataError`` naming the line for rows that are no page and for an address that comes twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: dict[str, tuple[int, int]] = {}
        offset = 0
        try:
            self._file = path.open("rb")
            for number, line in enumerate(self._file, start=1):
                if line.strip():
                    url = _page(line, f"{path}, line {number}")[0]
                    if url in self._lines:
                        raise DataError(
                            f"the address {url!r} comes twice", where=f"{path}, line {number}", hint="remove one"
                        )
                    self._lines[url] = (offset, len(line))
                offset += len(line)
        except OSError as error:
            raise DataError(
                f"cannot read the pages: {error.strerror}", where=str(path), hint="give a file of JSON lines"
            ) from error

    def __len__(self) -> int:
        return len(self._lines)

    def text(self, url: str) -> str | None:
        """The page's text, ``None`` where the store does not have it."""
        place = self._lines.get(url)
        if place is None:
            return None
        offset, length = place
        return _page(os.pread(self._file.fileno(), length, offset), f"{self._path}, byte {offset}")[1]


def _page(line: bytes, where: str) -> tuple[str, str]:
    row = parsed_object(line, where, hint=_HINT)
    if not isinstance(row.get("url"), str) or not isinstance(row.get("text"), str):
        raise DataError("a page must have the texts url and text", where=where, hint=_HINT)
    return row["url"], row["text"]
