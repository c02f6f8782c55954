"""A key: read from the environment, shown to nobody."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import quote

from mem1.errors import ConfigError

HIDDEN = "[key]"
_SHORTEST = 8  # what local servers take for a key ("EMPTY", "x") guards nothing and may be a word of a text
_HEADER = re.compile(r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}")


class Secret:
    """The value of an environment variable that no ``repr``, ``str`` or pickle gives away."""

    __slots__ = ("_spellings", "_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value
        spellings = {value, json.dumps(value)[1:-1], quote(value, safe="")} if len(value) >= _SHORTEST else set()
        self._spellings = sorted(spellings, key=len, reverse=True)

    @classmethod
    def from_environment(cls, name: str | None) -> Secret:
        """The key in the variable ``name``; without a name, what servers get that want none.

        Raises:
            ConfigError: The variable is not set, or is no key that a header can carry.
        """
        if name is None:
            return cls("none", "none")
        value = os.environ.get(name, "").strip()
        if not value:
            raise ConfigError(
                f"the environment variable {name} is not set",
                where="engine.key_env",
                hint=f"export {name}=... in the shell that runs mem1; keys never stand in a recipe",
            )
        if not value.isascii() or not value.isprintable() or " " in value:
            raise ConfigError(
                f"what {name} holds is no key: it has blanks or signs beyond ASCII",
                where="engine.key_env",
                hint="set it to the key alone",
            )
        return cls(name, value)

    def reveal(self) -> str:
        """The value, for the one place that sends it."""
        return self._value

    def redact(self, text: str) -> str:
        """``text`` without the key, in the spellings that JSON and addresses have for it."""
        for spelling in self._spellings:
            text = text.replace(spelling, HIDDEN)
        return text

    def redact_error(self, text: str) -> str:
        """Like ``redact`` for a server's or a library's complaint, which may show any authorization header."""
        return _HEADER.sub(rf"\1 {HIDDEN}", self.redact(text))

    def __repr__(self) -> str:
        return f"Secret({self.name})"

    __str__ = __repr__

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(f"{self!r} is not written anywhere")
