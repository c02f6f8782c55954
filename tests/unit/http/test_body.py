"""What is read of an answer: never more than the limit, whatever it unpacks to; JSON in UTF-8."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mem1.http.body import decode_json, read_body
from mem1.http.errors import BadAnswerError, TooLargeError
from mem1.http.secret import Secret

TEXT = b'{"a": "' + b"b" * 3000 + b'"}'


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def read(body: bytes, encoding: str = "", *, limit: int = 10_000, size: int = 2**16, cut: bool = False) -> bytes:
    return asyncio.run(read_body(pieces(body, size), encoding, limit, cut=cut))


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("size", [1, 7, 2**16])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (TEXT, ""),
        (TEXT, "identity"),
        (gzip.compress(TEXT, mtime=0), "gzip"),
        (gzip.compress(TEXT, mtime=0), " X-GZIP "),
        (gzip.compress(TEXT[:1000], mtime=0) + gzip.compress(TEXT[1000:], mtime=0), "gzip"),
        (zlib.compress(TEXT), "deflate"),
        (raw_deflate(TEXT), "deflate"),
    ],
    ids=["plain", "identity", "gzip", "x-gzip", "two members", "zlib", "raw deflate"],
)
def test_what_was_packed_is_unpacked(body: bytes, encoding: str, size: int) -> None:
    assert read(body, encoding, size=size) == TEXT


@pytest.mark.parametrize("beyond", [0, 1])
def test_the_limit_is_on_what_it_unpacks_to(beyond: int) -> None:
    body = b"x" * (10_000 + beyond)
    for packed, encoding in ((body, ""), (gzip.compress(body), "gzip"), (zlib.compress(body), "deflate")):
        if beyond:
            with pytest.raises(TooLargeError, match="larger than 10,000 bytes"):
                read(packed, encoding)
            assert read(packed, encoding, cut=True) == body[:10_000]
        else:
            assert read(packed, encoding) == body


@pytest.mark.parametrize(
    "bomb",
    [
        gzip.compress(bytes(200_000_000), 9, mtime=0),
        gzip.compress(bytes(1_000_000), mtime=0) * 300,
        zlib.compress(bytes(200_000_000), 9),
    ],
    ids=["one member", "many members", "deflate"],
)
def test_a_bomb_takes_no_memory(bomb: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        read(bomb, "gzip" if bomb[:2] == b"\x1f\x8b" else "deflate", limit=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_an_endless_answer_is_left_at_the_limit() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 1000
            yield b"x" * 1000

    with pytest.raises(TooLargeError):
        asyncio.run(read_body(endless(), "", 10_000))
    assert taken == 11_000


@pytest.mark.parametrize(
    ("body", "encoding", "what"),
    [
        (TEXT, "gzip", "not packed as it says"),
        (gzip.compress(TEXT, mtime=0)[:-20], "gzip", "cut short"),
        (b"", "gzip", "cut short"),
        (gzip.compress(TEXT, mtime=0), "br", "not asked for: 'br'"),
        (gzip.compress(gzip.compress(TEXT, mtime=0), mtime=0), "gzip, gzip", "not asked for: 'gzip, gzip'"),
        (b"\x28\xb5\x2f\xfd", "zstd", "not asked for"),
    ],
)
def test_what_cannot_be_unpacked_is_no_answer(body: bytes, encoding: str, what: str) -> None:
    with pytest.raises(BadAnswerError, match=what):
        read(body, encoding)


SECRET = Secret("KEY", "sk-0123456789-abcdef")


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('{"a": "Malmö"}'.encode(), {"a": "Malmö"}),
        (b"\xef\xbb\xbf{}", {}),
        (b'\n\n  {"a": 1.5}\n', {"a": 1.5}),
        (rb'{"a": "x \ud83d y"}', {"a": "x \ufffd y"}),
        (rb'{"\ud83d": ["\ude00", "\ud83d\ude00"]}', {"\ufffd": ["\ufffd", "\U0001f600"]}),
        (b'{"a": "sk-0123456789-abcdef"}', {"a": "[key]"}),
        (
            rb'["sk-0123456789\u002dabcdef", {"sk-0123456789-abcdef": "sk-012345\u200b6789-abcdef"}]',
            ["[key]", {"[key]": "[key]"}],
        ),
        (b"[" * 150 + b"]" * 150, None),
    ],
)
def test_json_is_utf8_without_key_and_halves_of_pairs(body: bytes, found: Any) -> None:
    value = decode_json(body, SECRET)
    assert found is None or value == found
    json.dumps(value, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "no JSON"),
        (b"<html>", "no JSON.*begins '<html>'"),
        (b"\xff\xfe{", "no text"),
        ('{"a": "Malmö"}'.encode("latin-1"), "no text"),
        ('{"a": 1}'.encode("utf-16"), "no text"),
        (b"[" * 100_000, "no JSON"),
        (b"[" * 500 + b"]" * 500, "nested too deep"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested too deep"),
        (b"1" * 5000, "no JSON: ValueError"),
        (b"{} {}", "no JSON"),
        (b"sk-0123456789-abcdef", r"begins '\[key\]'"),
    ],
)
def test_what_is_no_json_is_a_typed_error(body: bytes, what: str) -> None:
    with pytest.raises(BadAnswerError, match=what) as caught:
        decode_json(body, SECRET)
    assert "0123456789" not in str(caught.value)
