"""What a tool is: a specification, a call, and whether a call may change something."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from mem1.errors import Mem1Error
from mem1.types import ToolSpec


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a call brought, whole.

    ``source``: where it comes from, as an answer would name it. ``failed``: the tool says that it could not do it.
    ``unsure``: nobody knows whether the call took effect (time ran out, or the server died meanwhile).
    """

    text: str
    source: str = ""
    failed: bool = False
    unsure: bool = False


class ToolFailedError(Mem1Error):
    """A tool cannot be had at all: its server does not start, its folder is not there."""

    exit_code: ClassVar[int] = 7


@runtime_checkable
class Tool(Protocol):
    """Something that can be called by name."""

    @property
    def spec(self) -> ToolSpec:
        """Name, description, arguments."""

    @property
    def changes(self) -> bool:
        """Whether a call may change something outside: then it is made at most once, whatever happens."""

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        """Call it with arguments that fit. What the policy can mend is a ``failed`` result and no exception."""


ToolSource = AbstractAsyncContextManager[Sequence[Tool]]
"""Tools that are there while it is entered."""
