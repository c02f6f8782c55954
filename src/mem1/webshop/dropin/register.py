"""The names that ``gymnasium.make`` knows the shop by.

``mem1/WebShop-v0`` is there once mem1 is installed; the original's id only once somebody asks for it, by importing
``mem1.webshop.dropin.original``, so that a program which has both says which one it means.
"""

from __future__ import annotations

from typing import Any

import gymnasium

from mem1.errors import ConfigError
from mem1.tasks.base import Split
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.gym import ShopEnv

ORIGINAL = "WebAgentTextEnv-v0"
_HERE = "mem1.webshop.dropin"


def make(*, split: Split = "train", render_mode: str | None = None, **settings: Any) -> ShopEnv:
    """The shop by the keys of ``[source]`` and ``[env]`` in a recipe: ``items=...``, ``mode="compat"``, ....

    Raises ``Mem1Error``.
    """
    both = set(settings) & set(WebshopConfig.model_fields) & set(WebshopEnvConfig.model_fields) - {"protocol"}
    unknown = set(settings) - set(WebshopConfig.model_fields) - set(WebshopEnvConfig.model_fields)
    if both or unknown:
        keys = sorted({*WebshopConfig.model_fields, *WebshopEnvConfig.model_fields} - {"type"})
        raise ConfigError(
            f"unknown setting {sorted(both | unknown)[0]!r}", where="gymnasium.make", hint=f"one of {', '.join(keys)}"
        )
    source = {key: value for key, value in settings.items() if key in WebshopConfig.model_fields}
    env = {key: value for key, value in settings.items() if key in WebshopEnvConfig.model_fields}
    return ShopEnv(WebshopConfig(**source).build(), WebshopEnvConfig(**env), split=split, render_mode=render_mode)


def register() -> None:
    """Make ``WebShop-v0`` known; an entry point of the distribution, which puts ``mem1/`` in front."""
    _register("WebShop-v0", f"{_HERE}.register:make")


def register_here() -> None:
    """Make ``mem1/WebShop-v0`` known where the distribution is not installed."""
    if "mem1/WebShop-v0" not in gymnasium.registry:
        _register("mem1/WebShop-v0", f"{_HERE}.register:make")


def register_original() -> None:
    """Make the original's id known, as an environment with the original's calls."""
    if ORIGINAL not in gymnasium.registry:
        _register(ORIGINAL, f"{_HERE}.original:WebAgentTextEnv")


def _register(name: str, entry: str) -> None:
    # Nothing wraps it: wrappers pass on neither reset(session=...) nor get_available_actions().
    gymnasium.register(name, entry_point=entry, disable_env_checker=True, order_enforce=False)
