"""Finding a key in a text, however it is spelled there.

Services repeat keys: in complaints and addresses, escaped for JSON or HTML, encoded for a header, wrapped in lines.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterator

HIDDEN = "[key]"
_SHORTEST = 8  # what local servers take for a key ("EMPTY", "x") guards nothing and may be a word of a text
_PART = 16  # so many characters in a row of a longer key are taken for it in a complaint
_HEADER = re.compile(r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}")
# What may stand between two characters without changing what a reader sees: blanks, line ends, signs without width,
# and their escapes. There is one way only to read a row of them, so that a near miss costs no time.
_BETWEEN = (
    r"(?:\\(?:[nrt]|u(?i:200[b-f]|2060|feff|00ad|00a0|0020|000[9ad]))?|%(?i:0[9ad]|20)|"
    "[\\s\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff])"
    "{0,64}"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_=-]")


class Redaction:
    """Hides one key; a text without it comes back as it is. A key of less than 8 characters guards nothing."""

    def __init__(self, key: str) -> None:
        self._key = key if len(key) >= _SHORTEST else ""
        self._spelled = re.compile(_BETWEEN.join(map(_character, self._key)))
        self._encoded = [re.compile(one) for one in _encodings(self._key)] if self._key else []

    def __call__(self, text: str) -> str:
        """``text`` with ``HIDDEN`` for the key: plain, escaped, percent-encoded, split by blanks, in base64 or hex."""
        if not self._key:
            return text
        text = self._spelled.sub(HIDDEN, text)
        for pattern in self._encoded:
            text = _without_run(text, pattern)
        return text

    def of_error(self, text: str) -> str:
        """Like the call, for a complaint: hides any authorization header, and larger parts of the key too."""
        text = _HEADER.sub(rf"\1 {HIDDEN}", self(text))
        return self._without_parts(text) if self._key else text

    def _without_parts(self, text: str) -> str:
        key = self._key
        length = max(_SHORTEST, min(_PART, len(key) // 2))
        for start in range(len(key) - length + 1):
            while (at := text.find(key[start : start + length])) >= 0:
                end, stop = at + length, start + length
                while end < len(text) and stop < len(key) and text[end] == key[stop]:
                    end, stop = end + 1, stop + 1
                text = text[:at] + HIDDEN + text[end:]
        return text


def _character(one: str) -> str:
    """A pattern for one character and its escapes in JSON, Python, addresses and HTML."""
    code = ord(one)
    named = html.escape(one)
    forms = [
        re.escape(one),
        *([re.escape(named)] if named != one else []),
        rf"(?i:\\u00{code:02x}|\\x{code:02x}|%(?:25)*{code:02x}|&#0*{code};|&#x0*{code:x};)",
    ]
    return f"(?:{'|'.join(forms)})"


def _encodings(key: str) -> Iterator[str]:
    """Patterns for what every base64 of a text with the key in it has in common, by alignment, and for hex."""
    for before in range(3):
        raw = bytes(before) + key.encode()
        whole = base64.b64encode(raw).decode()
        # The characters that hold bits of what stands before or behind the key are left to ``_without_run``.
        core = whole[(before * 8 + 5) // 6 : len(raw) * 8 // 6]
        yield _BETWEEN.join({"+": "[+-]", "/": "[/_]"}.get(one, one) for one in core)
    yield f"(?i){key.encode().hex()}"


def _without_run(text: str, pattern: re.Pattern[str]) -> str:
    """Hide each run of encoded characters in which ``pattern`` is found."""
    found, done = "", 0
    for match in pattern.finditer(text):
        start, end = match.span()
        while start > done and _BASE64.match(text[start - 1]):
            start -= 1
        while end < len(text) and _BASE64.match(text[end]):
            end += 1
        if start >= done:
            found += text[done:start] + HIDDEN
            done = end
    return found + text[done:] if done else text
