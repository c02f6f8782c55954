"""The part that the four services share: a client of ours at an address, with a key, at a pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.client import HttpClient
from mem1.http.errors import HttpError
from mem1.http.secret import Secret
from mem1.http.service import Service, Timeouts
from mem1.tools.web.results import Document
from mem1.tools.web.search.base import Pace, keys_in, used_up

if TYPE_CHECKING:
    from mem1.tools.web.search.config import ServiceConfig

_LIMIT = 4 * 2**20  # bytes of an answer


class SearchService:
    """Base of the four.

    Args:
        config: Settings.
        header, prefix: How the key is sent.
        section: Where ``config`` stands in a configuration ("env.search"), for what errors say of its keys.
        parts: For ``HttpClient``.
    """

    def __init__(self, config: ServiceConfig, *, header: str, prefix: str = "", section: str, **parts: Any) -> None:
        self._config, self._section = config, section
        self._keys = keys_in(section)
        service = Service(
            config.type,
            config.base_url,
            self._keys,
            timeouts=Timeouts(min(5.0, config.timeout), config.timeout, 2 * config.timeout),
            slots=config.connections,
            retries=config.retries,
            longest_wait=config.longest_wait,
            limit=_LIMIT,
            header=header,
            prefix=prefix,
        )
        self._client = HttpClient(
            service, Secret.from_environment(config.key_env, where=self._keys.key), explain=self._explain, **parts
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

    def _explain(self, status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
        """The error that an answer is; ``None`` where its status says enough."""
        raise NotImplementedError

    async def _post(self, path: str, body: dict[str, Any], read: Callable[[Any], Any]) -> Any:
        await self._ready()
        return (await self._client.call(path, body, read))[0]

    async def _get(self, path: str, query: dict[str, str | int], read: Callable[[Any], Any]) -> Any:
        await self._ready()
        return (await self._client.get(path, query, read))[0]

    async def _ready(self) -> None:
        """Wait for a place; raise ``QuotaError`` where the run's own limit of calls is reached."""
        if self._config.most_calls is not None and self._calls >= self._config.most_calls:
            allowed = f"{self._section}.most_calls"
            error = used_up(f"{self.name} was asked {self._calls} times, the most that {allowed} allows")
            error.ends_run = True
            raise error
        self._calls += 1
        await self._pace.wait()
