"""What a configuration may say of a service: an address without a key in it, and the variable that holds one."""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_variable(name: str) -> str:
    """``name``, if it can name an environment variable. The ``ValueError`` does not repeat it: it may be a key."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError("this is the name of an environment variable, not the key itself")
    return name


def check_address(url: str, key: str) -> str:
    """``url`` without a slash at its end. Raises ``ValueError`` where it holds more than an address.

    ``key`` is the key of the configuration that names the variable for a key.
    """
    try:
        parts = urlsplit(url)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("an address such as http://localhost:8000/v1") from None
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError(f"an address without user, password and query; a key goes into the variable of {key}")
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValueError("an address such as http://localhost:8000/v1")
    return url.rstrip("/")


VariableName = Annotated[str, AfterValidator(check_variable)]
"""A field that names an environment variable: ``key_env: VariableName | None = None``."""


def address(key: str) -> AfterValidator:
    """What a field for an address is annotated with: ``base_url: Annotated[str, address("engine.key_env")]``.

    ``key`` as for ``check_address``.
    """
    return AfterValidator(partial(check_address, key=key))
