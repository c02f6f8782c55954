"""Calls of one service: bounded in number and length, retried, timed, and with the key in none of what comes back."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx

from mem1.http import background
from mem1.http.body import ENCODINGS, decode_json, read_body
from mem1.http.errors import BadAnswerError, HttpError, RefusedError, TimedOutError, UnavailableError, UnreachableError
from mem1.http.logs import redact_logs
from mem1.http.retrying import pause
from mem1.http.secret import Secret
from mem1.http.service import Service
from mem1.http.standing import Standing
from mem1.http.statuses import failure, hidden_failure
from mem1.metering import meter

T = TypeVar("T")
Explain = Callable[[int, str, Mapping[str, str]], HttpError | None]
"""(status, redacted complaint, headers) -> the error that it is, where the caller knows better than the status."""

_SHOWN = 300  # characters of a service's complaint
_COMPLAINT = 2**16  # bytes of one that are read
_ALONE = 5.0  # seconds that the first call goes by itself: if it is denied, no other is made


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, with status 2xx. Strings of ``json`` hold no key."""

    status: int
    body: bytes
    secret: Secret

    def json(self) -> Any:
        """The body as JSON, in UTF-8 whatever a header says. Raises ``BadAnswerError``."""
        return decode_json(self.body, self.secret)


class HttpClient:
    """Asks ``service``, with ``secret`` where there is one. Used from any event loop, and from threads.

    Args:
        explain: Knows errors of this kind of service by their text.
        transport, sleep: Take the place of the network and the clock in tests.
    """

    def __init__(
        self,
        service: Service,
        secret: Secret,
        *,
        explain: Explain = lambda status, complaint, headers: None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        redact_logs()
        self._service, self._secret, self._explain, self._sleep = service, secret, explain, sleep
        self._standing = Standing()
        self._places = asyncio.Semaphore(service.slots)
        self._first_ended = asyncio.Event()
        self._first_begun = False
        self._not_before = 0.0  # on the clock of time.monotonic: the service asked all of us to wait
        key = secret.reveal()
        timeouts = service.timeouts
        self._client = httpx.AsyncClient(
            verify=_tls(service.url),
            transport=transport,
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect, pool=None),
            limits=httpx.Limits(max_connections=service.slots, max_keepalive_connections=service.slots),
            headers={"Accept-Encoding": ENCODINGS} | ({service.header: service.prefix + key} if key else {}),
            follow_redirects=False,  # the key would go with them
        )

    async def call(self, path: str, body: object, read: Callable[[Any], T]) -> tuple[T, float]:
        """POST ``body`` as JSON to ``path`` behind the service's address.

        Returns what ``read`` makes of the answer's JSON, and the seconds of the try that brought it. ``read`` may raise
        ``HttpError``. Raises ``HttpError`` when the service refuses, or when what may pass does not pass within the
        configured number of retries; never an error of the library, whose messages hold what services say.
        """
        return await background.run(self._call("POST", path, json.dumps(body).encode("ascii"), read))

    def call_blocking(self, path: str, body: object, read: Callable[[Any], T]) -> T:
        """As ``call``, for a thread without an event loop."""
        return background.wait(self._call("POST", path, json.dumps(body).encode("ascii"), read))[0]

    async def get(self, path: str, query: Mapping[str, str | int], read: Callable[[Any], T]) -> tuple[T, float]:
        """As ``call``, but GET ``path`` with ``query`` behind it. No key belongs into a query."""
        return await background.run(self._call("GET", f"{path}?{urlencode(query)}", None, read))

    async def tell(self, path: str, body: object) -> None:
        """As ``call``, where the status says all: the answer's body is not looked at."""
        await background.run(
            self._call("POST", path, json.dumps(body).encode("ascii"), lambda answer: None, parsed=False)
        )

    async def look(self, path: str) -> Any:
        """The JSON that stands at ``path``, asked for once. Raises ``HttpError``. Counts for nothing else."""
        return (await background.run(self._send("GET", path, None))).json()

    async def probe(self, path: str) -> HttpError | None:
        """GET ``path``, to see whether anybody is there: the error that came of it, if any. Counts for nothing else."""
        return await background.run(self._probe(path))

    async def close(self) -> None:
        """Close the connections."""
        await background.run(self._client.aclose())

    def close_blocking(self) -> None:
        """As ``close``, for a thread without an event loop."""
        background.wait(self._client.aclose(), 10.0)

    # ------------------------------------------------------------ on the loop of the connections

    async def _call(
        self, method: str, path: str, content: bytes | None, read: Callable[[Any], T], *, parsed: bool = True
    ) -> tuple[T, float]:
        def whole(answer: Answer) -> T:
            found = answer.json() if parsed else None
            try:
                return read(found)
            except BadAnswerError as error:
                told = hidden_failure(found, self._service)
                raise (self._explain(answer.status, told.what, {}) or told) if told else error from None

        await self._let_the_first_go()
        try:
            async with self._places:
                with meter().tries(self._service.retries) as again:
                    return await self._persist(lambda: self._send(method, path, content), whole, again)
        finally:
            self._first_ended.set()

    async def _let_the_first_go(self) -> None:
        if self._first_begun:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._first_ended.wait(), _ALONE)
        self._first_begun = True

    async def _persist(
        self, send: Callable[[], Awaitable[Answer]], read: Callable[[Answer], T], again: Callable[[int], None]
    ) -> tuple[T, float]:
        attempt, wait = 0, self._shared_pause()
        while True:
            if wait > 0:
                await self._sleep(wait)
            self._standing.check()
            began = time.perf_counter()
            try:
                value = read(await send())
            except HttpError as error:
                failed = error
            else:
                self._standing.good()
                return value, time.perf_counter() - began
            if not self._try_again(failed, attempt):
                break
            wait = self._pause(failed, attempt)
            self._first_ended.set()
            attempt += 1
            again(attempt)
        raise self._standing.bad(self._told(failed, attempt))

    def _shared_pause(self) -> float:
        """Seconds until the service may be asked again: one caller was told to wait, all do."""
        left = self._not_before - time.monotonic()
        return left + self._service.first_wait * random.random() / 4 if left > 0 else 0.0

    def _pause(self, error: HttpError, attempt: int) -> float:
        service, shared = self._service, self._shared_pause()
        if error.asked_wait:
            self._not_before = max(self._not_before, time.monotonic() + error.asked_wait)
        own = pause(
            attempt,
            first=service.first_wait,
            longest=service.longest_wait,
            asked=error.asked_wait,
            chance=random.random(),
        )
        return max(own, shared)

    async def _send(self, method: str, path: str, content: bytes | None) -> Answer:
        """One try. Raises ``HttpError``."""
        service = self._service
        url = service.url.rstrip("/") + path
        headers = {"Content-Type": "application/json"} if content is not None else {}
        failed: HttpError
        try:
            async with (
                asyncio.timeout(service.timeouts.total),
                self._client.stream(method, url, content=content, headers=headers) as response,
            ):
                return await self._read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            hint = f"see that {service.name} runs and that {service.keys.url} is its address"
            failed = UnreachableError(f"{service.name}: the connection failed: {self._error(error)}", hint=hint)
        except (httpx.TimeoutException, TimeoutError):
            failed = TimedOutError(
                f"{service.name}: no answer within {service.timeouts.read:g} s (whole: {service.timeouts.total:g} s)",
                hint=f"raise {service.keys.patience}, or lower {service.keys.slots} if the server is overloaded",
            )
        except (httpx.HTTPError, httpx.StreamError, OSError) as error:
            failed = UnavailableError(
                f"{service.name}: the connection failed: {self._error(error)}", hint=f"look at {service.name}"
            )
        except (httpx.InvalidURL, httpx.CookieConflict, UnicodeError) as error:
            failed = RefusedError(f"no request to {service.name}: {self._error(error)}", hint=service.keys.url)
        raise failed  # outside of the handlers: it carries nothing of the library's

    async def _read(self, response: httpx.Response) -> Answer:
        encoding = response.headers.get("content-encoding", "")
        if response.is_success:
            body = await read_body(response.aiter_raw(), encoding, self._service.limit)
            return Answer(response.status_code, body, self._secret)
        try:
            body = await read_body(response.aiter_raw(), encoding, _COMPLAINT, cut=True)
        except BadAnswerError:
            body = b""
        complaint = self._safe(body.decode("utf-8", "replace"))
        status = response.status_code
        headers = response.headers
        raise self._explain(status, complaint, headers) or failure(status, complaint, headers, self._service)

    async def _probe(self, path: str) -> HttpError | None:
        for attempt in range(2):
            try:
                await self._send("GET", path, None)
            except HttpError as error:
                failed = self._told(error, attempt)
                if not error.passing:
                    return failed
            else:
                return None
            if attempt == 0:
                await self._sleep(self._service.first_wait)
        return failed

    # ------------------------------------------------------------ words

    def _error(self, error: Exception) -> str:
        return f"{type(error).__name__}: {self._safe(str(error))}"

    def _safe(self, text: str) -> str:
        """One line of a complaint: redacted first, cut then, so that no half of a key is left."""
        line = " ".join(self._secret.redact_error(text).split())
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."

    def _try_again(self, error: HttpError, attempt: int) -> bool:
        patient = error.asked_wait is None or error.asked_wait <= self._service.longest_wait
        return error.passing and attempt < self._service.retries and patient

    def _told(self, error: HttpError, attempt: int) -> HttpError:
        what, longest = error.what, self._service.longest_wait
        if attempt:
            what += f" (after {attempt} retries)"
        if error.asked_wait is not None and error.asked_wait > longest:
            what += f"; it asks to wait {error.asked_wait:g} s, the longest wait is {longest:g}"
        return error.told(what, where=self._secret.redact(self._service.url))


def _tls(url: str) -> ssl.SSLContext:
    """Where nothing is encrypted there is no need to read all the world's certificates."""
    plain = url.startswith("http://")
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else ssl.create_default_context()
