"""Reading an answer: never more than a limit, also of what it unpacks to; and JSON as UTF-8, whatever a header says."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterable
from typing import Any

from mem1.http.errors import BadAnswerError, TooLargeError
from mem1.http.secret import Secret
from mem1.text import well_formed

ENCODINGS = "gzip, deflate"
"""What is asked for (``Accept-Encoding``), and all that is read."""
_AUTO = 32 + zlib.MAX_WBITS  # gzip or zlib, by its first bytes
_DEEPEST = 200  # lists and objects within each other


async def read_body(chunks: AsyncIterable[bytes], encoding: str, limit: int, *, cut: bool = False) -> bytes:
    """The body of ``chunks`` as they come over the wire, unpacked. At most ``limit`` bytes are ever held.

    Raises ``TooLargeError`` beyond the limit (with ``cut`` what is within it is returned), ``BadAnswerError`` for what
    cannot be unpacked.
    """
    inflate = _inflate(encoding)
    found = bytearray()
    async for chunk in chunks:
        found += chunk if inflate is None else inflate(chunk, limit + 1 - len(found))
        if len(found) > limit:
            if cut:
                return bytes(found[:limit])
            raise TooLargeError(
                f"the answer is larger than {limit:,} bytes", hint="nothing that was asked for is as long as that"
            )
    if inflate is not None and not cut:
        inflate.check_whole()
    return bytes(found)


class _Inflate:
    """Unpacks gzip (of any number of members) or deflate, so many bytes at a time."""

    def __init__(self) -> None:
        self._head = b""
        self._stream: zlib._Decompress | None = None

    def __call__(self, data: bytes, room: int) -> bytes:
        """What ``data`` unpacks to, at most ``room`` bytes; the caller stops where that is all of its room."""
        if self._stream is None:
            self._head += data
            if len(self._head) < 2:
                return b""
            data = self._head
            # Some servers mean by "deflate" the bare stream, which has no header of two bytes.
            known = data[:2] == b"\x1f\x8b" or (data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0)
            self._stream = zlib.decompressobj(_AUTO if known else -zlib.MAX_WBITS)
        found = bytearray()
        while data and len(found) < room:
            if self._stream.eof:
                self._stream = zlib.decompressobj(_AUTO)
            found += _step(self._stream, data, room - len(found))
            data = self._stream.unconsumed_tail or self._stream.unused_data
        return bytes(found)

    def check_whole(self) -> None:
        """Raise ``BadAnswerError`` where the end is missing."""
        if self._stream is None or not self._stream.eof:
            raise BadAnswerError("the answer is packed, and cut short")


def _step(stream: zlib._Decompress, data: bytes, room: int) -> bytes:
    try:
        return stream.decompress(data, room)
    except zlib.error as error:
        failure = str(error)
    raise BadAnswerError(f"the answer is not packed as it says: {failure}")


def _inflate(encoding: str) -> _Inflate | None:
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return None
    if name in ("gzip", "x-gzip", "deflate"):
        return _Inflate()
    raise BadAnswerError(f"the answer is packed in a way that was not asked for: {name[:40]!r}")


def decode_text(body: bytes) -> str:
    """``body`` as UTF-8, a byte order mark dropped. Raises ``BadAnswerError``."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeError as error:
        failure = type(error).__name__
    raise BadAnswerError(f"the answer is no text: {failure}", hint="JSON is UTF-8")


def decode_json(body: bytes, secret: Secret) -> Any:
    """The JSON of ``body``: strings without the key and without halves of surrogate pairs.

    Raises ``BadAnswerError`` for what is no JSON, or nested too deep.
    """
    text = decode_text(body)
    try:
        return _clean(json.loads(text), secret, _DEEPEST)
    except RecursionError:
        failure = "it is nested too deep"
    except ValueError as error:
        failure = f"{type(error).__name__}: {secret.redact_error(str(error))[:120]}"
    begins = secret.redact_error(text[:4096])[:120]
    raise BadAnswerError(f"the answer is no JSON: {failure}; it begins {begins!r}")


def _clean(value: Any, secret: Secret, left: int) -> Any:
    if left == 0:
        raise RecursionError
    if isinstance(value, str):
        return secret.redact(well_formed(value))
    if isinstance(value, list):
        return [_clean(one, secret, left - 1) for one in value]
    if isinstance(value, dict):
        return {secret.redact(well_formed(key)): _clean(one, secret, left - 1) for key, one in value.items()}
    return value
