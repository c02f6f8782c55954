"""Connections to public addresses only: a name is resolved once, all of it is checked, and that is connected to.

Nothing resolves the name a second time, so an answer that changes between check and connection changes nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import httpcore

from mem1.http.guarded.addresses import is_public
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.urls import Allowed

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> its addresses, best first; ``OSError`` where there are none."""


async def system_resolve(host: str, port: int) -> list[str]:
    """What the system's resolver says, each address once."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens every connection of a pool (``httpcore``), which goes on to know the host by its name.

    Raises ``PageError`` ("address") where any address of the host is not public, unless ``allowed`` names the host and
    the port.
    """

    def __init__(
        self, allowed: Allowed, resolve: Resolve = system_resolve, inner: httpcore.AsyncNetworkBackend | None = None
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to one of the addresses that were checked, tried in their order."""
        async with asyncio.timeout(timeout):
            failure: Exception | None = None
            for address in await self._checked(host, port):
                try:
                    return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
                except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                    failure = error
        raise failure or httpcore.ConnectError("the host has no address")

    async def connect_unix_socket(self, path: str, *args: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise PageError("the address is not fetched: it is a socket of this machine", reason="address")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._inner.sleep(seconds)

    async def _checked(self, host: str, port: int) -> list[str]:
        try:
            found = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            failed = type(error).__name__
            found = []
        else:
            failed = "no address"
        if not found:
            raise httpcore.ConnectError(f"the host's name leads nowhere ({failed})")
        if (host, port) not in self._allowed and not all(is_public(address) for address in found):
            raise PageError("the address is not fetched: its host is not on the public network", reason="address")
        return found
