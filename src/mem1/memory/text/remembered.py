"""Texts that were encoded lately, within so many characters: a long session sees ever new ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

Ids = tuple[int, ...]


class Remembered:
    """``encode``, with its latest results at hand: those of at most ``most`` characters of text.

    A text longer than an eighth of that is not kept: it would drive out what is found again.
    """

    def __init__(self, encode: Callable[[str], Ids], most: int) -> None:
        self._encode, self._most = encode, most
        self._kept: OrderedDict[str, Ids] = OrderedDict()
        self._held = 0

    def __call__(self, text: str) -> Ids:
        """The ids of ``text``."""
        found = self._kept.get(text)
        if found is not None:
            self._kept.move_to_end(text)
            return found
        found = self._encode(text)
        if len(text) <= self._most // 8:
            self._kept[text] = found
            self._held += len(text)
            while self._held > self._most:
                self._held -= len(self._kept.popitem(last=False)[0])
        return found
