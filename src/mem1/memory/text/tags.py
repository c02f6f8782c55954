"""The names of the tags that structure what a policy reads and writes."""

from __future__ import annotations

import re
from collections import Counter
from typing import Self

from pydantic import field_validator, model_validator

from mem1.config import Config, build

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Tags(Config):
    """Tag names. The defaults are those of the published checkpoint.

    ``recall`` is the action that a memory with look-back answers itself; ``None`` where there is none.
    """

    state: str = "think"
    search: str = "search"
    answer: str = "answer"
    observation: str = "information"
    open: str = "open"
    click: str = "click"
    recall: str | None = None

    @field_validator("*")
    @classmethod
    def _plain(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError("a tag name is a letter, then letters, digits and underscores")
        return name

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        twice = [name for name, count in Counter(self._names()).items() if count > 1]
        if twice:
            raise ValueError(f"each tag needs a name of its own; {twice[0]!r} is used twice")
        return self

    def with_recall(self) -> Tags:
        """The same with a tag for ``recall``. Raises ``ConfigError`` where that name is taken."""
        if self.recall is not None:
            return self
        return build(Tags, self.model_dump() | {"recall": "recall"}, where="memory.tags")

    @staticmethod
    def opening(name: str) -> str:
        """``<name>``."""
        return f"<{name}>"

    @staticmethod
    def closing(name: str) -> str:
        """``</name>``."""
        return f"</{name}>"

    @property
    def actions(self) -> dict[str, str]:
        """Tag name of each kind of action."""
        named = {"search": self.search, "open": self.open, "click": self.click, "answer": self.answer}
        return named if self.recall is None else named | {"recall": self.recall}

    @property
    def control_strings(self) -> tuple[str, ...]:
        """All opening and closing tags."""
        return tuple(tag for name in self._names() for tag in (self.opening(name), self.closing(name)))

    def _names(self) -> tuple[str, ...]:
        names = (self.state, self.search, self.answer, self.observation, self.open, self.click)
        return names if self.recall is None else (*names, self.recall)
