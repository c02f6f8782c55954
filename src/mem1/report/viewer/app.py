"""The viewer as a web application (ASGI), served on this machine only, for reading a run's episodes in a browser."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from mem1.errors import DataError, Mem1Error
from mem1.report.viewer.pages import Viewer
from mem1.serving.config import ServerConfig
from mem1.serving.guards import Headers, page_headers
from mem1.serving.run import guards, run_app
from mem1.storage.run_dir import RunDir

# Our own script and style sheet, and nothing that stands in a page: a page shows what strangers wrote.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_KINDS = {
    "icon.svg": "image/svg+xml",
    "viewer.css": "text/css; charset=utf-8",
    "viewer.js": "text/javascript; charset=utf-8",
}


def serve(run_dir: Path, port: int = 0, *, on_start: Callable[[str], None] = lambda address: None) -> None:
    """Serve a run on ``127.0.0.1:port`` (0: any free port) until a signal; ``on_start`` gets the address.

    Raises ``StorageError`` if ``run_dir`` holds no run or the port is taken.
    """
    viewer = Viewer(RunDir.open(run_dir))
    config = ServerConfig(port=port, drain_seconds=1.0)
    run_app(lambda: make_app(viewer, config), config, on_start=lambda address: on_start(f"{address}/"))


def make_app(viewer: Viewer, config: ServerConfig | None = None) -> Starlette:
    """The application. Its catalogue is deleted when the server stops."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        viewer.catalogue.close()

    pages: dict[str, Callable[[dict[str, str]], str]] = {
        "/": viewer.index,
        "/episode": viewer.episode,
        "/turn": viewer.turn,
        "/compare": viewer.compare,
    }
    return Starlette(
        routes=[
            *(Route(path, _page(viewer, make)) for path, make in pages.items()),
            Route("/pulse", lambda request: PlainTextResponse(viewer.pulse())),
            Route("/static/{name}", _static),
        ],
        middleware=[
            Middleware(Headers, headers=page_headers(POLICY)),
            *guards(config or ServerConfig()),
        ],
        exception_handlers={404: lambda request, error: _failure(viewer, f"There is no page {request.url.path}.", 404)},
        lifespan=lifespan,
    )


def _page(viewer: Viewer, make: Callable[[dict[str, str]], str]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            return HTMLResponse(make(dict(request.query_params)))
        except DataError as error:
            return _failure(viewer, str(error), 404)
        except Mem1Error as error:
            return _failure(viewer, str(error), 500)

    return answer


def _failure(viewer: Viewer, text: str, status: int) -> Response:
    return HTMLResponse(viewer.failure(text), status_code=status)


@cache
def static(name: str) -> bytes:
    """The script or the style sheet."""
    return resources.files("mem1.report").joinpath("static", name).read_bytes()


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _KINDS:
        return Response(status_code=404)
    body = static(name)
    tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"etag": tag, "cache-control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=_KINDS[name], headers=headers)
