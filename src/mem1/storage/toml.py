"""Values as TOML, which has no null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tomli_w


def to_toml(values: Mapping[str, Any]) -> str:
    """``values`` as TOML; keys and entries that are ``None`` are left out."""
    return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_none(item) for item in value if item is not None]
    return value
