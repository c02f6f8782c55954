"""An MCP server as a source of tools.

A connection lives in a task of its own, which opens and closes it; calls go to it from anywhere. A server that dies is
started again for the next call; the call during which it died has an unknown outcome where it may change something.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, TextIO

import mcp
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from mem1.http.secret import Secret
from mem1.text import spelled_out, well_formed
from mem1.tools.base import Tool, ToolFailedError, ToolResult
from mem1.tools.config import McpServerConfig
from mem1.tools.mcp.content import text_of
from mem1.tools.mcp.schema import spec_of
from mem1.types import ToolSpec

_LEAST = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_TOLD = 800  # characters of what a server said on standard error
_PAGES = 100
_ASKED = 120  # characters of a call's arguments
_CLOSING = 10.0  # seconds


class McpServer:
    """A ``ToolSource`` over one server. Entering raises ``ToolFailedError`` where it cannot be reached in its time."""

    def __init__(self, config: McpServerConfig, *, section: str = "tools.mcp") -> None:
        self._config, self._section = config, section
        self._secret = Secret.from_environment(config.token_env, where=f"{section}.token_env")
        self._places = asyncio.Semaphore(config.at_once)
        self._connecting = asyncio.Lock()
        self._connection: _Connection | None = None

    async def __aenter__(self) -> Sequence[Tool]:
        listed = await (await self._connected()).tools(self._config.connect_seconds)
        given = self._config.arguments
        tools: list[Tool] = []
        for one in listed:
            spec = spec_of(_callable(one.name), one.description or "", one.input_schema, given)
            if spec is not None and one.name not in self._config.hidden:
                tools.append(_McpTool(self, one.name, spec, self._changes(one), given.keys() & _properties(one)))
        return tools

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def call(self, name: str, arguments: dict[str, Any]) -> ToolResult:
        """Call a tool of the server. What fails is a result; whether it took effect is then not known."""
        config = self._config
        async with self._places:
            try:
                connection = await self._connected()
            except ToolFailedError as error:
                return ToolResult(str(error), config.label, failed=True)
            try:
                async with asyncio.timeout(config.call_seconds):
                    result = await connection.client.call_tool(name, arguments)
            except Exception as error:  # the SDK raises many kinds, some in groups
                what = _what(error) or f"no answer within {config.call_seconds:g} s"
                if not isinstance(error, mcp.MCPError) or "closed" in what.lower() or isinstance(error, TimeoutError):
                    await self._drop(connection)
                return ToolResult(f"{name}: {what}{connection.said()}", config.label, failed=True, unsure=True)
        failed = bool(result.is_error)
        return ToolResult(text_of(result, config.largest), f"{config.label}.{name}", failed=failed)

    async def restart(self) -> None:
        """End the server; the next call starts it again."""
        if self._connection is not None:
            await self._drop(self._connection)

    async def _connected(self) -> _Connection:
        async with self._connecting:
            if self._connection is None or not self._connection.alive:
                self._connection = await _Connection.open(self._config, self._secret, self._section)
            return self._connection

    async def _drop(self, connection: _Connection) -> None:
        if self._connection is connection:
            self._connection = None
        await connection.close()

    def _changes(self, tool: Any) -> bool:
        """Whether it may change something: unless the server says that it only reads, or the settings do."""
        reads = tool.annotations is not None and tool.annotations.read_only_hint is True
        return not reads and tool.name not in self._config.reads


class _Connection:
    """An open connection; ``client`` is the SDK's."""

    client: mcp.Client

    def __init__(self, config: McpServerConfig, secret: Secret, section: str) -> None:
        self._config, self._secret, self._section = config, secret, section
        self._errors: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._live())

    @classmethod
    async def open(cls, config: McpServerConfig, secret: Secret, section: str) -> _Connection:
        """Connect, within ``connect_seconds``. Raises ``ToolFailedError``."""
        made = cls(config, secret, section)
        try:
            async with asyncio.timeout(config.connect_seconds):
                await asyncio.shield(made._ready)
        except Exception as error:
            said = made.said()
            await made.close()
            raise ToolFailedError(
                f"the MCP server {config.label} cannot be used: "
                f"{_what(error) or f'no answer within {config.connect_seconds:g} s'}{said}",
                where=f"{section}: {config.url or ' '.join(config.command)}",
                hint="try the command by itself; give it variables with env, more time with connect_seconds",
            ) from None
        return made

    @property
    def alive(self) -> bool:
        """Whether it is still open."""
        return not self._task.done()

    async def tools(self, seconds: float) -> list[Any]:
        """Everything the server lists. Raises ``ToolFailedError``."""
        found: list[Any] = []
        cursor = None
        try:
            async with asyncio.timeout(seconds):
                for _ in range(_PAGES):
                    page = await self.client.list_tools(cursor=cursor)
                    found += page.tools
                    cursor = page.next_cursor
                    if not cursor:
                        break
        except Exception as error:
            await self.close()
            raise ToolFailedError(
                f"the MCP server {self._config.label} does not list its tools: {_what(error) or 'no answer in time'}",
                where=self._section,
                hint="see what it needs",
            ) from None
        return found

    def said(self) -> str:
        """The end of what the server wrote to standard error, for a message."""
        with suppress(OSError, ValueError):
            self._errors.seek(0)
            text = self._secret.redact_error(" ".join(self._errors.read()[-_TOLD:].split()))
            return f"; it said: {spelled_out(text)}" if text else ""
        return ""

    async def close(self) -> None:
        """End it."""
        self._over.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._task), _CLOSING)
        if not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._errors.close()

    async def _live(self) -> None:
        try:
            async with AsyncExitStack() as stack:
                transport = await self._transport(stack)
                client = mcp.Client(transport, read_timeout_seconds=self._config.call_seconds)
                self.client = await stack.enter_async_context(client)
                self._ready.set_result(None)
                await self._over.wait()
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error if isinstance(error, Exception) else ConnectionError(str(error)))
                self._ready.exception()  # seen: nobody may be waiting any more
            if isinstance(error, asyncio.CancelledError):
                raise

    async def _transport(self, stack: AsyncExitStack) -> Any:
        config = self._config
        if config.url is None:
            command, *words = config.command
            env = {name: os.environ[name] for name in (*_LEAST, *config.pass_env) if name in os.environ} | config.env
            # The SDK adds what it takes for harmless; it has no way to leave that out.
            return mcp.stdio_client(mcp.StdioServerParameters(command=command, args=words, env=env), self._errors)
        key = self._secret.reveal()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        http = await stack.enter_async_context(create_mcp_http_client(headers=headers))
        return streamable_http_client(config.url, http_client=http, max_sse_event_size=config.largest * 8)


class _McpTool:
    """A tool of a server. ``given``: names of the arguments that the settings give."""

    def __init__(self, server: McpServer, name: str, spec: ToolSpec, changes: bool, given: set[str]) -> None:
        self.spec, self.changes = spec, changes
        self._server, self._name, self._given = server, name, given

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        fixed = {name: self._server._config.arguments[name] for name in self._given}
        result = await self._server.call(self._name, {**arguments, **fixed})
        return replace(result, source=f"{result.source} {_asked(arguments)}".rstrip())


def _asked(arguments: dict[str, Any]) -> str:
    """What a call was asked with, on one line, as it stands beside an answer."""
    values = list(arguments.values())
    text = str(values[0]) if len(values) == 1 else json.dumps(arguments, ensure_ascii=False) if values else ""
    line = " ".join(text.split())
    return line if len(line) <= _ASKED else f"{line[:_ASKED]}..."


def _properties(tool: Any) -> set[str]:
    found = tool.input_schema.get("properties")
    return set(found) if isinstance(found, dict) else set()


def _callable(name: str) -> str:
    """``name`` in the signs that a tool's name has here."""
    plain = "".join(c if (c.isascii() and c.isalnum()) or c in "_.-" else "_" for c in name)[:64]
    return plain if plain[:1].isalpha() else f"t_{plain}"[:64]


def _what(error: BaseException) -> str:
    """What an error says; of a group, its first."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return "" if isinstance(error, TimeoutError) else well_formed(f"{error}" or type(error).__name__)
