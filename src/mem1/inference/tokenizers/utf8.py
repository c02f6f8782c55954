"""A tokenizer that needs no files: for servers that take text, where tokens are only counted."""

from __future__ import annotations

import re
from collections.abc import Sequence

_WIDTH = 4  # bytes in a token: about what a tokenizer of 50,000 entries has in English
_TAG = re.compile(r"(</?[A-Za-z][A-Za-z0-9_]*>)")


class Utf8Tokenizer:
    """One id for each four bytes of UTF-8, or fewer before a tag, after one and at the end of a text.

    An id is the bytes themselves, read as a number behind a 1: the same on every machine and in every run, and it
    decodes exactly. Tags end where tokens end.

    Args:
        special_strings: What the server's own tokenizer turns into control tokens, as far as it is known.
    """

    def __init__(self, special_strings: Sequence[str] = ()) -> None:
        self._special = tuple(special_strings)

    @property
    def eos_id(self) -> None:
        """There is none: servers say in words that a text ended."""
        return

    @property
    def verbatim(self) -> bool:
        """Texts are kept as they are."""
        return True

    @property
    def special_strings(self) -> tuple[str, ...]:
        """The strings given."""
        return self._special

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``. Lone surrogates become U+FFFD."""
        ids: list[int] = []
        for piece in _TAG.split(text):
            raw = piece.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
            ids += [int.from_bytes(b"\1" + raw[at : at + _WIDTH]) for at in range(0, len(raw), _WIDTH)]
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``; bytes that are not UTF-8, as where a character was cut, become U+FFFD."""
        return b"".join([i.to_bytes(_WIDTH + 1).lstrip(b"\0")[1:] for i in token_ids]).decode(errors="replace")
