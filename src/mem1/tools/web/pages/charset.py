"""Bytes of a page as text: the encoding is found in a fixed order, and only encodings of text are ever used."""

from __future__ import annotations

import codecs
import re
from email.message import Message

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_TEXTS = frozenset(
    {"ascii", "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "gb2312", "big5", "big5hkscs"}
    | {"euc_jp", "shift_jis", "cp932", "iso2022_jp", "euc_kr", "cp949", "johab", "koi8-r", "koi8-u", "tis-620"}
    | {"mac-roman", "mac-cyrillic", "cp437", "cp850", "cp866", "cp874"}
    | {f"cp{number}" for number in range(1250, 1259)}
    | {f"iso8859-{number}" for number in range(1, 17)}
)
# What the name on the web means there (WHATWG encoding standard).
_ON_THE_WEB = {"ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"}
_META = re.compile(rb"""(?is)<meta[^>]{0,500}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""")
_HEAD = 4096  # bytes in which a page says its encoding


def decode(body: bytes, content_type: str) -> str:
    """``body`` as text: by its mark, as UTF-8, by the header, by itself (``<meta>``), by its looks; never refused."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return (
                body[len(codecs.BOM_UTF8) :].decode(name, "replace")
                if name == "utf-8"
                else body.decode(name, "replace")
            )
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        stated = _from_header(content_type) or _from_meta(body)
    if stated is not None:
        return body.decode(stated, "replace")
    from charset_normalizer import from_bytes

    guess = from_bytes(body[: 2**16]).best()
    looks = None if guess is None else _known(guess.encoding)
    return body.decode(looks or "cp1252", "replace")


def _from_header(content_type: str) -> str | None:
    message = Message()
    message["Content-Type"] = content_type.replace("\r", " ").replace("\n", " ")
    stated = message.get_param("charset")
    return _known(stated) if isinstance(stated, str) else None


def _from_meta(body: bytes) -> str | None:
    found = _META.search(body[:_HEAD])
    return _known(found[1].decode("ascii", "replace")) if found else None


def _known(name: str) -> str | None:
    """The codec that is meant, if it is one of text: ``hex``, ``rot13``, ``utf-7`` and their like are none."""
    try:
        codec = codecs.lookup(name.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    codec = _ON_THE_WEB.get(codec, codec)
    return None if codec not in _TEXTS or codec == "utf-8" else codec
