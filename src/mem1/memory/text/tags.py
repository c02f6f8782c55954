"""The names of the tags that structure what a policy reads and writes."""

from __future__ import annotations

import re
from collections import Counter
from typing import Self

from pydantic import field_validator, model_validator

from mem1.config import Config

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class Tags(Config):
    """Tag names. The defaults are those of the published checkpoint.

    A tool's tag has the tool's name, unless another is given here: in ``search``, ``open``, ``click`` and ``recall``
    for those tools, in ``tools`` (name -> tag) for any other.
    """

    state: str = "think"
    search: str = "search"
    answer: str = "answer"
    observation: str = "information"
    open: str = "open"
    click: str = "click"
    recall: str | None = None
    tools: dict[str, str] | None = None

    @field_validator("*")
    @classmethod
    def _plain(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        names = value.values() if isinstance(value, dict) else [value] if value is not None else []
        if not all(_NAME.fullmatch(name) for name in names):
            raise ValueError("a tag name is a letter, then letters, digits and underscores")
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        twice = [name for name, count in Counter(self._names()).items() if count > 1]
        if twice:
            raise ValueError(f"each tag needs a name of its own; {twice[0]!r} is used twice")
        return self

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
        """Tag names of actions, by the name of the tool; a tool that is not here has its own."""
        named = {"search": self.search, "open": self.open, "click": self.click, "answer": self.answer}
        return named | ({} if self.recall is None else {"recall": self.recall}) | (self.tools or {})

    @property
    def control_strings(self) -> tuple[str, ...]:
        """All opening and closing tags."""
        return tuple(tag for name in self._names() for tag in (self.opening(name), self.closing(name)))

    def _names(self) -> tuple[str, ...]:
        names = (self.state, self.search, self.answer, self.observation, self.open, self.click)
        return (*names, *((self.recall,) if self.recall is not None else ()), *(self.tools or {}).values())
