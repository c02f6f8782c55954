"""Many tools under one roof: names that differ, time limits, a bounded number of calls at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from mem1.errors import ConfigError, Mem1Error, ends_run
from mem1.text import well_formed
from mem1.tools.base import Tool, ToolResult, ToolSource
from mem1.types import ToolSpec


class Toolbox:
    """Opens ``sources`` while it is entered.

    Args:
        sources: Where the tools come from, with a name each that tells equal ones apart: ``files.search``.
        only: Names of the tools that are offered; empty: all.
        taken: Names that tools must not have; such a tool is called after its source.
        seconds: Longest time for one call.
        at_once: Calls at the same time.
        section: Where the settings of tools stand in a configuration, for what errors say of their keys.

    Entering raises ``ConfigError`` for a name in ``only`` that no tool has, and what the sources raise.
    """

    def __init__(
        self,
        sources: Sequence[tuple[str, ToolSource]],
        *,
        only: Collection[str] = (),
        taken: Collection[str] = (),
        seconds: float = 60.0,
        at_once: int = 8,
        section: str = "tools",
    ) -> None:
        self._sources = sources
        self._only = tuple(only)
        self._section = section
        self._taken = frozenset(taken)
        self._seconds = seconds
        self._places = asyncio.Semaphore(at_once)
        self._stack = AsyncExitStack()
        self._tools: dict[str, Tool] = {}

    async def __aenter__(self) -> Self:
        try:
            found = [(name, await self._stack.enter_async_context(source)) for name, source in self._sources]
            named = _named(found, self._taken, self._section)
            self._tools = _selected(named, self._only, self._section)
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """All tools, under the names they have here."""
        return tuple(tool.spec.model_copy(update={"name": name}) for name, tool in self._tools.items())

    @property
    def counts(self) -> Mapping[str, int]:
        """What sources count of what they were asked for, added up: the web its searches and pages."""
        found: Counter[str] = Counter()
        for _, source in self._sources:
            found.update(getattr(source, "counts", {}))
        return dict(found)

    def __contains__(self, name: object) -> bool:
        return name in self._tools

    def changes(self, name: str) -> bool:
        """Whether a call of ``name`` may change something."""
        return self._tools[name].changes

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool within its time. Whatever goes wrong is a result that says so, in text that can be kept.

        Raises what ends the run: a wrong key or a spent plan is for people to mend, and no text for a policy.
        """
        tool = self._tools[name]
        try:
            async with self._places, asyncio.timeout(self._seconds):
                result = await tool(arguments)
        except TimeoutError:
            text = f"{name} gave no answer within {self._seconds:g} s"
            return ToolResult(text, source=name, failed=True, unsure=tool.changes)
        except Exception as error:  # a tool of anybody's may raise anything; the session goes on without its result
            if isinstance(error, Mem1Error) and ends_run(error):
                raise
            text = well_formed(f"{name} failed: {type(error).__name__}: {error}")
            return ToolResult(text, source=name, failed=True, unsure=tool.changes)
        return ToolResult(
            well_formed(result.text), well_formed(result.source) or name, result.failed, result.unsure and tool.changes
        )


def _named(found: Sequence[tuple[str, Sequence[Tool]]], taken: frozenset[str], section: str) -> dict[str, Tool]:
    """Tools by their own names; where two have the same one, by that of their source too."""
    own = [tool.spec.name for _, tools in found for tool in tools]
    shared = taken | {name for name in own if own.count(name) > 1}
    named: dict[str, Tool] = {}
    for source, tools in found:
        for tool in tools:
            name = tool.spec.name if tool.spec.name not in shared else f"{source}.{tool.spec.name}"[:64]
            if name in named or name in taken:
                raise ConfigError(
                    f"two tools are named {name!r}", where=section, hint="give one of the servers another name"
                )
            named[name] = tool
    return named


def _selected(named: dict[str, Tool], only: Sequence[str], section: str) -> dict[str, Tool]:
    unknown = [name for name in only if name not in named]
    if unknown:
        raise ConfigError(
            f"no tool is named {unknown[0]!r}",
            where=f"{section}.only",
            hint=f"there are: {', '.join(named) or 'none'}",
        )
    return {name: tool for name, tool in named.items() if not only or name in only}
