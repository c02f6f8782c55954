"""The door for code that a text names: a recipe is data, and what it names runs only where its reader said so.

Every key whose value names a module goes through here (``Code`` as its type), and so does every part that is not one
of ours (``registry.py``). Closed unless ``imports(True)`` is in force: ``--allow-imports`` on the command line,
``load(..., allow_imports=True)`` in Python.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from mem1.errors import ConfigError

Door = Literal["closed", "known", "open"]
"""``known``: nothing is imported, but what was imported with permission before is recognised (a run's own
configuration, which is compared and never built)."""

_DOOR: ContextVar[Door] = ContextVar("mem1_imports", default="closed")


@contextmanager
def imports(door: Door | bool) -> Iterator[None]:
    """Open the door (``True``), or close it (``False``), for what is read in this block."""
    said: Door = door if isinstance(door, str) else "open" if door else "closed"
    token = _DOOR.set(said)
    try:
        yield
    finally:
        _DOOR.reset(token)


def door() -> Door:
    """How far the door is open now."""
    return _DOOR.get()


def refusal(name: str) -> str:
    """Why ``name`` was not imported, and how to allow it."""
    return (
        f"{name!r} names code, and a recipe is data: nothing it names is imported unless its reader says so. "
        "If you trust whoever wrote it, add --allow-imports (in Python: load(..., allow_imports=True))"
    )


def permitted(name: str) -> str:
    """``name``, where code may be named. Raises ``ValueError`` with the reason where it may not."""
    if door() == "closed":
        raise ValueError(refusal(name))
    return name


Code = Annotated[str, AfterValidator(permitted)]
"""The type of a key that names code, as ``package.module:name``."""


def find(path: str, *, where: str, form: str = "module:name") -> Any:
    """What ``path`` names, imported. The caller has been through the door. Raises ``ConfigError``.

    Args:
        path: ``package.module:name``.
        where: The key that says so.
        form: How to write it, for the hint.
    """
    module, colon, name = path.partition(":")
    try:
        if not (module and colon and name):
            raise ValueError("no module and name")
        return getattr(import_module(module), name)
    except Exception as error:  # a module of someone else's may raise anything when it is imported
        raise ConfigError(
            f"cannot import {path!r}: {type(error).__name__}: {error}", where=where, hint=f"write it as {form}"
        ) from error
