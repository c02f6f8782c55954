"""Who may ask: by which name the server is called, from which page, with which token.

A page of a stranger, open in a browser on this machine, can send requests here and, by pointing its own name at this
address, read the answers. It cannot call the server by an address or by our own names, and its browser says whose page
it is.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import socket
from collections.abc import Iterable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mem1.serving.bodies import refuse

_OPEN = frozenset({"/health"})  # what asks whether a server lives has no token


class OwnName:
    """Answers 421 to whoever calls the server by a name that is not its own.

    Its own are addresses (of any machine: a stranger's page has a name), ``localhost``, the machine's name, and
    ``names``; ``*`` among them takes any.
    """

    def __init__(self, app: ASGIApp, *, names: Iterable[str] = ()) -> None:
        self._app = app
        machine = socket.gethostname().lower()
        self._names = frozenset({"localhost", machine, machine.partition(".")[0], *names})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and not self._own(_header(scope, b"host")):
            why = "this server does not answer to that name: call it by its address, or serve with --allowed-hosts NAME"
            await refuse(send, 421, why, close=True)
            return
        await self._app(scope, receive, send)

    def _own(self, host: str) -> bool:
        name = host_of(host)
        return "*" in self._names or name in self._names or _is_address(name)


class OwnPages:
    """Answers 403 to what a page of somebody else asks: browsers say so in ``Origin`` and ``Sec-Fetch-Site``."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and _of_another_page(scope):
            await refuse(send, 403, "a request of another site's page", close=True)
            return
        await self._app(scope, receive, send)


class Token:
    """Answers 401 to requests without the token, as ``Authorization: Bearer`` or as the password of ``Basic``.

    ``realm`` set: a browser is asked to ask its user.
    """

    def __init__(self, app: ASGIApp, *, token: str, realm: str = "") -> None:
        self._app = app
        self._token = token.encode()
        self._challenge = {"www-authenticate": f'Basic realm="{realm}", charset="UTF-8"' if realm else "Bearer"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in _OPEN:
            given = given_token(_header(scope, b"authorization"))
            if not hmac.compare_digest(given, self._token):
                await refuse(send, 401, "the token is missing or wrong", headers=self._challenge, close=True)
                return
        await self._app(scope, receive, send)


class Headers:
    """Puts the same headers on whatever is answered."""

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str]) -> None:
        self._app = app
        self._headers = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    found.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def page_headers(policy: str, *, cache: str = "no-store") -> dict[str, str]:
    """Headers of pages that show what strangers wrote. ``policy`` is the Content-Security-Policy."""
    return {
        "content-security-policy": policy,
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": cache,
    }


def host_of(header: str) -> str:
    """The name in a ``Host`` header, without port and brackets, in lower case."""
    name = header.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.rpartition(":")[0] if name.count(":") == 1 else name


def given_token(authorization: str) -> bytes:
    """The token that a request brings; empty where it brings none."""
    kind, _, value = authorization.strip().partition(" ")
    match kind.lower():
        case "bearer":
            return value.strip().encode("utf-8", "surrogateescape")
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
        case _:
            return b""


def _of_another_page(scope: Scope) -> bool:
    site = _header(scope, b"sec-fetch-site")
    if site:
        return site not in ("same-origin", "none") and not _is_visit(scope)
    origin = _header(scope, b"origin")
    return bool(origin) and origin.partition("://")[2].lower() != _header(scope, b"host").lower()


def _is_visit(scope: Scope) -> bool:
    """Whether somebody followed a link: that shows them a page here, and the linking page nothing."""
    return scope["method"] in ("GET", "HEAD") and _header(scope, b"sec-fetch-mode") == "navigate"


def _header(scope: Scope, name: bytes) -> str:
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
