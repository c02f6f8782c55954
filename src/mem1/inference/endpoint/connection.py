"""Calls of one server: bounded in number, retried, timed, and with the key in none of what comes back.

The official client carries the requests. It could retry by itself, but it does not know of answers that are no
completions, of a limit on the whole of a try, or of a server that asks to wait for an hour; two loops would multiply.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mem1.errors import BackendError, Mem1Error
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.errors import (
    BadAnswerError,
    EndpointError,
    RateLimitError,
    RefusedError,
    TimedOutError,
    UnavailableError,
)
from mem1.inference.endpoint.secret import Secret
from mem1.retrying import asked_wait, pause

if TYPE_CHECKING:
    from openai import APIStatusError, AsyncOpenAI

T = TypeVar("T")
_SHOWN = 300  # characters of a server's complaint
_AGAIN = {408, 409, 425, 429}
_NO_MONEY = "insufficient_quota"


@dataclass(slots=True)
class _Loop:
    """What belongs to one event loop: connections and places."""

    loop: asyncio.AbstractEventLoop
    client: AsyncOpenAI
    places: asyncio.Semaphore


class Endpoint:
    """The server of ``config``. Raises ``ConfigError`` where the key is missing, ``Mem1Error`` without the client."""

    def __init__(self, config: OpenAiConfig) -> None:
        try:
            import openai
        except ModuleNotFoundError as error:
            raise Mem1Error(
                "the openai engine needs the package openai", hint="pip install 'mem1-rl[openai]'"
            ) from error
        self._library = openai
        self._config = config
        self._secret = Secret.from_environment(config.key_env)
        self._chance = random.Random()
        # Where nothing is encrypted there is no need to read all the world's certificates.
        plain = config.base_url.startswith("http://")
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else ssl.create_default_context()
        self._loop: _Loop | None = None

    async def call(self, path: str, body: dict[str, Any], read: Callable[[str], T]) -> tuple[T, float]:
        """POST ``body`` to ``path``; what ``read`` makes of the answer, and the seconds of the try that brought it.

        ``read`` may raise ``EndpointError``. Raises ``EndpointError`` when the server refuses, or when what may
        pass does not pass within the configured number of retries. Never an error of the client, whose messages
        hold what servers say.
        """
        here = self._here()
        async with here.places:
            attempt = 0
            while True:
                began = time.perf_counter()
                try:
                    return read(await self._post(here.client, path, body)), time.perf_counter() - began
                except EndpointError as error:
                    if not self._try_again(error, attempt):
                        raise self._told(error, attempt) from None
                    wait = pause(
                        attempt,
                        first=self._config.first_wait,
                        longest=self._config.longest_wait,
                        asked=error.asked_wait,
                        chance=self._chance.random(),
                    )
                attempt += 1
                await asyncio.sleep(wait)

    async def close(self) -> None:
        """Close the connections of the running loop. Those of loops that are gone went with them."""
        here, self._loop = self._loop, None
        if here is not None and here.loop is asyncio.get_running_loop():
            await here.client.close()

    def _here(self) -> _Loop:
        import httpx2

        loop = asyncio.get_running_loop()
        if self._loop is None or self._loop.loop is not loop:
            config = self._config
            timeout = httpx2.Timeout(config.timeouts.read, connect=config.timeouts.connect, pool=None)
            limits = httpx2.Limits(max_connections=config.slots, max_keepalive_connections=config.slots)
            client = self._library.AsyncOpenAI(
                api_key=self._secret.reveal(),
                base_url=config.base_url,
                max_retries=0,
                timeout=timeout,
                # Of our own making: it goes nowhere with the key but to base_url, and does not try to close itself
                # on a loop that is gone.
                http_client=httpx2.AsyncClient(verify=self._tls, timeout=timeout, limits=limits),
            )
            self._loop = _Loop(loop, client, asyncio.Semaphore(config.slots))
        return self._loop

    async def _post(self, client: AsyncOpenAI, path: str, body: dict[str, Any]) -> str:
        """One try; the answer's text, redacted."""
        import httpx2

        openai, config = self._library, self._config
        try:
            async with asyncio.timeout(config.timeouts.total):
                response = await client.post(path, cast_to=httpx2.Response, body=body)
        except (openai.APITimeoutError, TimeoutError):
            raise TimedOutError(
                f"no answer within {config.timeouts.read:g} s (whole: {config.timeouts.total:g} s)",
                hint="raise engine.timeouts, or lower engine.slots if the server is overloaded",
            ) from None
        except openai.APIStatusError as error:
            raise self._by_status(error) from None
        except openai.APIConnectionError as error:
            cause = error.__cause__ or error
            raise UnavailableError(
                f"the connection failed: {type(cause).__name__}: {self._safe(str(cause))}",
                hint="see that the server runs and that engine.base_url is its address",
            ) from None
        try:
            text = response.text
        except (UnicodeError, LookupError) as error:
            raise BadAnswerError(f"the answer is no text: {type(error).__name__}") from None
        return self._secret.redact(text)

    def _by_status(self, error: APIStatusError) -> EndpointError:
        status = error.response.status_code
        complaint = self._safe(error.response.text)
        what = f"the server answered {status}: {complaint}"
        asked = asked_wait(error.response.headers)
        if status == 429 and _NO_MONEY in complaint:
            return RefusedError(what, hint="the account has no money left: pay, or use another key")
        if status == 429:
            return RateLimitError(what, hint="lower engine.slots, or raise engine.retries", asked_wait=asked)
        if status in _AGAIN or status >= 500:
            return UnavailableError(what, hint="look at the server; engine.retries says how often", asked_wait=asked)
        return RefusedError(what, hint=_hint(status))

    def _safe(self, text: str) -> str:
        """One line of a complaint: redacted first, cut then, so that no half of a key is left."""
        line = " ".join(self._secret.redact_error(text).split())
        return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."

    def _try_again(self, error: EndpointError, attempt: int) -> bool:
        patient = error.asked_wait is None or error.asked_wait <= self._config.longest_wait
        return error.passing and attempt < self._config.retries and patient

    def _told(self, error: EndpointError, attempt: int) -> EndpointError:
        what = error.what
        if attempt:
            what += f" (after {attempt} retries)"
        if error.asked_wait is not None and error.asked_wait > self._config.longest_wait:
            what += f"; it asks to wait {error.asked_wait:g} s, engine.longest_wait is {self._config.longest_wait:g}"
        return type(error)(what, where=error.where or self._config.base_url, hint=error.hint)


def _hint(status: int) -> str:
    match status:
        case 401 | 403:
            return "see that the variable of engine.key_env holds a key that is valid for this server"
        case 404:
            return "see that engine.base_url ends where the server's paths begin (/v1) and model is a name it knows"
        case 413:
            return "the context is longer than the server takes: lower engine.max_context"
    return "the server says what it refuses; see engine.omit, engine.extra, engine.max_tokens_key, engine.max_context"


def closed_error(session: str) -> BackendError:
    """What calls of a closed engine raise."""
    return BackendError("the engine is closed", where=session, hint="make a new engine")
