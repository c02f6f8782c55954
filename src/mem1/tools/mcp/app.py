"""Our tools over streamable HTTP, behind the guards that all our servers have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mcp.server.transport_security import TransportSecuritySettings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from mem1.serving.config import ServerConfig
from mem1.serving.run import GracefulServer, address_of, bind, guards, settings, warn_if_open
from mem1.tools.mcp.server import make_server
from mem1.tools.toolbox import Toolbox

PATH = "/mcp"


def make_app(toolbox: Toolbox, config: ServerConfig, *, largest: int) -> Starlette:
    """The application over an entered ``toolbox``: ``PATH`` speaks the protocol, ``GET /health`` says that it lives."""
    # Names and origins are checked by our guards; the SDK's own check knows neither --allowed-hosts nor a token.
    inner = make_server(toolbox, largest=largest).streamable_http_app(
        streamable_http_path=PATH,
        max_request_body_size=config.max_body,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return Starlette(
        routes=[Route("/health", _health), *inner.routes],
        middleware=guards(config),
        lifespan=inner.router.lifespan_context,
    )


def serve_http(toolbox: Toolbox, config: ServerConfig, *, largest: int, on_start: Callable[[str], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; ``on_start`` gets the address once the tools are there.

    Raises ``StorageError`` where the port is taken, ``ConfigError`` for a token that is not there, and what entering
    ``toolbox`` raises.
    """
    config.token()
    with bind(config.host, config.port) as listener:
        warn_if_open(config)

        async def serve() -> None:
            async with toolbox:
                on_start(f"{address_of(config.host, listener)}{PATH}")
                app = make_app(toolbox, config, largest=largest)
                await GracefulServer(settings(lambda: app, config)).serve([listener])

        asyncio.run(serve())


async def _health(request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})
