"""Wherever a configuration names a service or the variable of a key, a key typed there is refused and not repeated."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.config import Config, build
from mem1.errors import ConfigError
from mem1.inference.config import OpenAiConfig
from mem1.retrieval.remote_config import RemoteConfig
from mem1.rewards.judge_config import JudgeConfig
from mem1.serving.config import ServerConfig
from mem1.tools.config import McpServerConfig
from mem1.tools.web.search.config import (
    BraveConfig,
    RetrieveConfig,
    SearxngConfig,
    SerperConfig,
    TavilyConfig,
)

KEY = "sk-0123456789abcdef"
URL = "http://127.0.0.1:8000/v1"
PLACES: list[tuple[type[Config], str, str, dict[str, Any]]] = [
    (OpenAiConfig, "base_url", "key_env", {}),
    (RemoteConfig, "url", "key_env", {}),
    (JudgeConfig, "base_url", "key_env", {"model": "m"}),
    (McpServerConfig, "url", "token_env", {}),
    (RetrieveConfig, "base_url", "key_env", {}),
    (SerperConfig, "base_url", "key_env", {}),
    (BraveConfig, "base_url", "key_env", {}),
    (TavilyConfig, "base_url", "key_env", {}),
    (SearxngConfig, "base_url", "key_env", {}),
]


@pytest.mark.parametrize(("kind", "url", "variable", "more"), PLACES)
def test_a_key_in_place_of_its_variable_is_refused(
    kind: type[Config], url: str, variable: str, more: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="the name of an environment variable, not the key itself") as raised:
        build(kind, {url: URL, variable: KEY, **more}, where="test")
    assert KEY not in str(raised.value)
    assert getattr(build(kind, {url: URL, variable: "MY_KEY", **more}, where="test"), variable) == "MY_KEY"


@pytest.mark.parametrize(("kind", "url", "variable", "more"), PLACES)
def test_a_key_in_an_address_is_refused_and_a_slash_at_the_end_dropped(
    kind: type[Config], url: str, variable: str, more: dict[str, Any]
) -> None:
    for wrong in (f"http://me:{KEY}@host/v1", f"http://host/v1?key={KEY}", "host/v1", "ftp://host", "http://host:0"):
        with pytest.raises(ConfigError, match="an address") as raised:
            build(kind, {url: wrong, **more}, where="test")
        assert KEY not in str(raised.value)
    assert getattr(build(kind, {url: f"{URL}/", **more}, where="test"), url) == URL


def test_a_servers_token_is_named_and_not_typed() -> None:
    with pytest.raises(ConfigError, match="not the key itself") as raised:
        build(ServerConfig, {"token_env": KEY}, where="test")
    assert KEY not in str(raised.value)
    assert build(ServerConfig, {}, where="test").token_env == ""
