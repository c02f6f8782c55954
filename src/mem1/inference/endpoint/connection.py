"""The server of an ``OpenAiConfig``, as a service of the one HTTP client."""

from __future__ import annotations

from mem1.http.client import HttpClient
from mem1.http.secret import Secret
from mem1.http.service import Keys, Service, Timeouts
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.overflow import overflow

_KEYS = Keys(
    url="engine.base_url",
    key="engine.key_env",
    patience="engine.timeouts",
    slots="engine.slots",
    retries="engine.retries",
    refused="the server says what it refuses; see engine.omit, engine.extra, engine.max_tokens_key, engine.max_context",
)


def endpoint(config: OpenAiConfig) -> HttpClient:
    """A client of the server that ``config`` names. Raises ``ConfigError`` where the key is missing."""
    return HttpClient(
        service(config),
        Secret.from_environment(config.key_env),
        explain=lambda status, complaint, headers: overflow(status, complaint),
    )


def service(config: OpenAiConfig) -> Service:
    """The server that ``config`` names."""
    timeouts = config.timeouts
    return Service(
        "the server",
        config.base_url,
        _KEYS,
        timeouts=Timeouts(timeouts.connect, timeouts.read, timeouts.total),
        slots=config.slots,
        retries=config.retries,
        first_wait=config.first_wait,
        longest_wait=config.longest_wait,
    )
