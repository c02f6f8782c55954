"""Small tokenizers without a model: for tests, for scripted policies and for measuring the loop.

All three give each control string one id, and decode what they encoded character for character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

END_OF_TEXT = "<|end|>"
CONTROL_STRINGS = tuple(
    f"<{slash}{name}>" for name in ("think", "search", "answer", "information", "open", "click") for slash in ("", "/")
)


class _ControlStrings:
    """The part the toy tokenizers share: control strings are the first ids, the last of them ends a text."""

    def __init__(self, control: Sequence[str] = CONTROL_STRINGS) -> None:
        self._control = (*control, END_OF_TEXT)
        self._ids = {text: index for index, text in enumerate(self._control)}
        longest_first = sorted(self._control, key=len, reverse=True)
        self._split = re.compile("(" + "|".join(re.escape(text) for text in longest_first) + ")")

    @property
    def eos_id(self) -> int:
        """The id of ``END_OF_TEXT``."""
        return len(self._control) - 1

    @property
    def verbatim(self) -> bool:
        """Texts are kept as they are."""
        return True

    @property
    def special_strings(self) -> tuple[str, ...]:
        """The control strings, in the order of their ids."""
        return self._control

    def encode(self, text: str) -> list[int]:
        """Ids of ``text``; control strings in it become their single ids."""
        ids: list[int] = []
        for piece in self._split.split(text):
            control = self._ids.get(piece)
            if control is not None:
                ids.append(control)
            elif piece:
                ids.extend(self._encode_plain(piece))
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        raise NotImplementedError


class CharTokenizer(_ControlStrings):
    """One id for each Unicode character."""

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``."""
        count = len(self._control)
        return "".join([self._control[i] if i < count else chr(i - count) for i in token_ids])

    def _encode_plain(self, text: str) -> list[int]:
        count = len(self._control)
        return [count + ord(character) for character in text]


class ByteTokenizer(_ControlStrings):
    """One id for each UTF-8 byte: a token may be part of a character. ``vocabulary_size`` ids in all."""

    @property
    def vocabulary_size(self) -> int:
        """Control strings and bytes."""
        return len(self._control) + 256

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``; bytes that are not UTF-8 become U+FFFD."""
        count = len(self._control)
        parts = [self._control[i].encode() if i < count else bytes((i - count,)) for i in token_ids]
        return b"".join(parts).decode(errors="replace")

    def _encode_plain(self, text: str) -> list[int]:
        count = len(self._control)
        return [count + byte for byte in text.encode()]


class WordTokenizer(_ControlStrings):
    """One id for each word (with one blank in front of it), blank or sign; new ones get the next free id."""

    _WORD = re.compile(r" ?\w+|\W")

    def __init__(self, control: Sequence[str] = CONTROL_STRINGS) -> None:
        super().__init__(control)
        self._words: list[str] = list(self._control)
        self._word_ids: dict[str, int] = {}

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``."""
        words = self._words
        return "".join([words[i] for i in token_ids])

    def _encode_plain(self, text: str) -> list[int]:
        ids = self._word_ids
        words = self._WORD.findall(text)
        for word in dict.fromkeys(words):
            if word not in ids:
                ids[word] = len(self._words)
                self._words.append(word)
        return [ids[word] for word in words]
