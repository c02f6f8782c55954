"""Addresses as texts that somebody else wrote: parsed once, and refused where two readers could differ about them.

What is refused here never reaches a resolver, which knows many more spellings of an address than a parser does
(``127.1``, ``0x7f000001``, ``2130706433``). Whether the host's addresses are public is looked at when it is connected
to (``network.py``).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

import httpx

from mem1.http.guarded.errors import PageError

PORTS = frozenset({80, 443})
_LONGEST = 4096  # characters
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_AUTHORITY = re.compile(r"(?i)https?://([^/?#]*)")
_ODD = re.compile(r"[\x00-\x20\x7f\\]|[\ud800-\udfff]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_PORT = re.compile(r"(?::[0-9]{0,5})?")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be asked beside public hosts: ``hosts``, as ``host:port``, each by that name and at that port alone."""

    hosts: frozenset[str] = frozenset()
    ports: Collection[int] = PORTS

    def __contains__(self, place: tuple[str, int]) -> bool:
        return f"{place[0]}:{place[1]}" in self.hosts


def checked_url(text: str, allowed: Allowed) -> httpx.URL:
    """``text`` as an address without a fragment. Raises ``PageError`` ("address")."""
    if len(text) > _LONGEST:
        raise _refused(f"it has more than {_LONGEST} characters")
    if _ODD.search(text):
        raise _refused("it holds a blank, a control character or a backslash")
    try:
        url = httpx.URL(text)
        host = url.raw_host.decode("ascii").lower()
        port = url.port
    except (httpx.InvalidURL, ValueError, TypeError):  # UnicodeError is a ValueError
        url = None
    if url is None:
        raise _refused("it cannot be read")
    if url.scheme not in ("http", "https"):
        raise _refused("only http and https are fetched")
    if not host:
        raise _refused("it names no host")
    if url.userinfo or "@" in _authority(text):
        raise _refused("it holds a user or a password")
    if not _PORT.fullmatch(_after_host(_authority(text))):
        raise _refused("its port is no number")
    port = (443 if url.scheme == "https" else 80) if port is None else port
    if (host, port) not in allowed:
        if port not in allowed.ports:
            raise _refused(f"port {port} is not fetched from")
        _check_host(host)
    return url.copy_with(fragment=None)


def next_url(current: httpx.URL, location: str, allowed: Allowed) -> httpx.URL:
    """Where ``location`` of a redirect leads from ``current``: the same check as for any address.

    One with a scheme or with two slashes in front stands for itself, and gets nothing from the address before.
    """
    if not location:
        raise PageError("the page sends on to nowhere", reason="redirect")
    if len(location) > _LONGEST or _ODD.search(location):
        raise _refused("the page sends on to an address with a blank, a control character or a backslash")
    if _SCHEME.match(location):
        return checked_url(location, allowed)
    if location.startswith("//"):
        return checked_url(f"{current.scheme}:{location}", allowed)
    try:
        joined = str(current.join(location))
    except (httpx.InvalidURL, ValueError):
        joined = ""
    return checked_url(joined, allowed)


def _check_host(host: str) -> None:
    """Refuse what is neither a name of plain labels nor an address in its one canonical form."""
    if ":" in host:
        try:
            IPv6Address(host)
        except ValueError:
            raise _refused("its host is no address") from None
        if "%" in host:
            raise _refused("its host names an interface of this machine")
        return
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("its host is no name")
    if _NUMERIC.fullmatch(labels[-1]):
        try:
            canonical = str(IPv4Address(host)) == host
        except ValueError:
            canonical = False
        if not canonical:
            raise _refused("its host is a number in an unusual form")
    if labels[-1] == "localhost":
        raise _refused("its host is this machine")


def _authority(text: str) -> str:
    found = _AUTHORITY.match(text)
    return found[1] if found else ""


def _after_host(authority: str) -> str:
    """What stands behind the host: a colon and the port, or nothing."""
    _, bracket, rest = authority.rpartition("]")
    if bracket:
        return rest
    _, colon, port = authority.partition(":")
    return colon + port


def _refused(why: str) -> PageError:
    return PageError(f"the address is not fetched: {why}", reason="address")
