"""The part that the four services share: a client of ours at an address, with a key, at a pace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mem1.http.client import Explain, HttpClient
from mem1.http.secret import Secret
from mem1.http.service import Service, Timeouts
from mem1.tools.web.results import Document
from mem1.tools.web.search.base import KEYS, Pace, used_up

if TYPE_CHECKING:
    from mem1.tools.web.search.config import ServiceConfig

_LIMIT = 4 * 2**20  # bytes of an answer


class SearchService:
    """Base of the four. ``header`` and ``prefix``: how the key is sent."""

    def __init__(self, config: ServiceConfig, explain: Explain, *, header: str, prefix: str = "", **parts: Any) -> None:
        self._config = config
        service = Service(
            config.type,
            config.base_url,
            KEYS,
            timeouts=Timeouts(min(5.0, config.timeout), config.timeout, 2 * config.timeout),
            slots=config.connections,
            retries=config.retries,
            longest_wait=config.longest_wait,
            limit=_LIMIT,
            header=header,
            prefix=prefix,
        )
        self._client = HttpClient(
            service, Secret.from_environment(config.key_env, where=KEYS.key), explain=explain, **parts
        )
        self._pace = Pace(config.rate)
        self._calls = 0

    @property
    def name(self) -> str:
        """What results say of their origin."""
        return self._config.type

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes results."""
        return self._config.parameters

    def page(self, url: str) -> Document | None:
        """No pages here."""
        return None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _post(self, path: str, body: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        await self._ready()
        return (await self._client.call(path, body, read))[0]

    async def _get(self, path: str, query: dict[str, str | int], read: Callable[[Any], Any]) -> Any:
        await self._ready()
        return (await self._client.get(path, query, read))[0]

    async def _ready(self) -> None:
        """Wait for a place; raise ``QuotaError`` where the run's own limit of calls is reached."""
        if self._config.most_calls is not None and self._calls >= self._config.most_calls:
            error = used_up(f"{self.name} was asked {self._calls} times, the most that env.search.most_calls allows")
            error.ends_run = True
            raise error
        self._calls += 1
        await self._pace.wait()
