"""A key: read from the environment, shown to nobody."""

from __future__ import annotations

import os
import weakref

from mem1.errors import ConfigError
from mem1.http.redaction import HIDDEN, Redaction

__all__ = ["HIDDEN", "Secret", "live_secrets"]

_live: weakref.WeakSet[Secret] = weakref.WeakSet()


class Secret:
    """The value of an environment variable that no ``repr``, ``str`` or pickle gives away."""

    __slots__ = ("__weakref__", "_redaction", "_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value
        self._redaction = Redaction(value)
        _live.add(self)

    @classmethod
    def from_environment(cls, name: str | None, *, where: str = "engine.key_env") -> Secret:
        """The key in the variable ``name``; without a name there is none, and ``reveal`` gives an empty text.

        Raises:
            ConfigError: The variable is not set, or is no key that a header can carry. ``where`` is the key of the
                configuration that names it.
        """
        if name is None:
            return cls("none", "")
        value = os.environ.get(name, "").strip()
        if not value:
            raise ConfigError(
                f"the environment variable {name} is not set",
                where=where,
                hint=f"export {name}=... in the shell that runs mem1; keys never stand in a recipe",
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigError(
                f"what {name} holds is no key: it has blanks or signs beyond ASCII",
                where=where,
                hint="set it to the key alone",
            )
        return cls(name, value)

    def reveal(self) -> str:
        """The value, for the one place that sends it; empty where there is none."""
        return self._value

    def redact(self, text: str) -> str:
        """``text`` without the key, in whatever spelling it stands there (see ``Redaction``)."""
        return self._redaction(text)

    def redact_error(self, text: str) -> str:
        """Like ``redact`` for a complaint: no authorization header, no larger part of the key."""
        return self._redaction.of_error(text)

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(f"{self!r} is not written anywhere")


def live_secrets() -> list[Secret]:
    """All keys that are in use."""
    return list(_live)
