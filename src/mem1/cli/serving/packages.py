"""Parts of a command that need packages of an extra: imported when it runs, missed in our words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mem1.errors import ConfigError
from mem1.installed import install_hint


@contextmanager
def packages(command: str, *extras: str) -> Iterator[None]:
    """Within the block imports may fail for want of a package of ``extras``: ``ConfigError`` says how to add it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name!r} is not installed", where=command, hint=install_hint(*extras)
        ) from error
