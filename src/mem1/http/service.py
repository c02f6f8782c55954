"""Who is asked, and with how much patience."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two bytes of an answer, and for one try altogether."""

    connect: float = 10.0
    read: float = 300.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Keys:
    """What the keys of the configuration are called that a hint can name."""

    url: str
    key: str
    patience: str
    slots: str
    retries: str
    refused: str = "the service says what it refuses"


@dataclass(frozen=True, slots=True)
class Service:
    """A service at ``url``, called ``name`` in errors ("the judge").

    ``slots``: calls at the same time. ``retries`` after a failure that may pass, ``first_wait`` seconds before the
    first, doubling; who asks for more than ``longest_wait`` is given up. ``limit``: bytes of an answer, unpacked. A
    key is sent as ``header: prefix + key``.
    """

    name: str
    url: str
    keys: Keys
    timeouts: Timeouts = field(default_factory=Timeouts)
    slots: int = 16
    retries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    limit: int = 16 * 2**20
    header: str = "Authorization"
    prefix: str = "Bearer "
