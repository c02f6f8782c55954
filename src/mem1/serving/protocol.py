"""HTTP connections that cannot be held open by doing nothing, and that end gently when the server stops."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

_CLOSE = (b"connection", b"close")


class GuardedProtocol(H11Protocol):
    """uvicorn's protocol with the time-outs it lacks: slow headers, and clients that do not read.

    Set the class's numbers (seconds) in a subclass: see ``guarded``. On a stop a connection without a request is kept
    for ``linger_seconds``, because a request may be on its way; every answer then says that the connection ends.
    Where ``max_connections`` are open, a new one takes the place of the oldest that has no request in hand: sockets
    that say nothing keep nobody out.
    """

    header_seconds: float = 10.0
    write_seconds: float = 30.0
    linger_seconds: float = 0.5
    max_connections: int = 1024

    _since = 0.0
    _header_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None
    _unread = 0  # bytes that the client had not taken when we last looked

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected: its request must follow."""
        super().connection_made(transport)
        self._since = self.loop.time()
        if len(self.connections) >= self.max_connections:
            self._make_room()
        self._await_headers()

    def data_received(self, data: bytes) -> None:
        """Something arrived: if it does not complete the headers, the rest must follow."""
        super().data_received(data)
        if self.cycle is None or self.cycle.response_complete:
            self._await_headers()
        else:
            self._stop_header_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: nothing is waited for."""
        self._stop_header_timer()
        self._stop_write_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not read as fast as we write: it must go on reading some day."""
        super().pause_writing()
        if self._write_timer is None:
            self._unread = self.transport.get_write_buffer_size()
            self._write_timer = self.loop.call_later(self.write_seconds, self._look_at_reader)

    def resume_writing(self) -> None:
        """The client reads again."""
        self._stop_write_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing came for long: end the connection, unless the client is still reading the last answer."""
        if self._still_reading():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: answer what is in hand and what is on its way, then end the connection."""
        # uvicorn lays these headers on every answer; the list is shared with answers that are being made.
        if _CLOSE not in self.server_state.default_headers:
            self.server_state.default_headers.append(_CLOSE)
        if self.cycle is None or self.cycle.response_complete:
            self.loop.call_later(self.linger_seconds, self._end)

    def _end(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def _make_room(self) -> None:
        idle = [one for one in self.connections if isinstance(one, GuardedProtocol) and one is not self and one._idle]
        if idle:
            oldest = min(idle, key=lambda one: one._since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    @property
    def _idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _look_at_reader(self) -> None:
        if self._still_reading():
            self._write_timer = self.loop.call_later(self.write_seconds, self._look_at_reader)
        else:
            self.transport.abort()

    def _still_reading(self) -> bool:
        """Whether the client took some of what we wrote since the last look, and has not taken it all."""
        before, self._unread = self._unread, self.transport.get_write_buffer_size()
        return 0 < self._unread < before

    def _stop_header_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _await_headers(self) -> None:
        if self._header_timer is None and not self.transport.is_closing():
            self._header_timer = self.loop.call_later(self.header_seconds, self.transport.abort)


def guarded(
    *, header_seconds: float, write_seconds: float, linger_seconds: float, max_connections: int
) -> type[GuardedProtocol]:
    """``GuardedProtocol`` with these numbers."""
    numbers = {
        "header_seconds": header_seconds,
        "write_seconds": write_seconds,
        "linger_seconds": linger_seconds,
        "max_connections": max_connections,
    }
    return type("Guarded", (GuardedProtocol,), numbers)
