"""The viewer as a web application (ASGI), served on this machine only, for reading runs in a browser."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mem1.errors import DataError, Mem1Error, StorageError
from mem1.report.figures.style import chart_style
from mem1.report.listing.index import is_run
from mem1.report.viewer.library import Library, Opened
from mem1.report.viewer.pages import Viewer
from mem1.report.viewer.run_pages import Download, RunPages
from mem1.serving.config import ServerConfig
from mem1.serving.guards import Headers, page_headers
from mem1.serving.run import guards, run_app
from mem1.storage.atomic import storage_errors
from mem1.storage.run_dir import RunDir

T = TypeVar("T")
Failure = Callable[[str], str]
"""A page that says what is wrong."""

# Our own script and style sheet, and nothing that stands in a page: a page shows what strangers wrote.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_PART = 1 << 20  # bytes of a file sent at once
_KINDS = {
    "icon.svg": "image/svg+xml",
    "viewer.css": "text/css; charset=utf-8",
    "viewer.js": "text/javascript; charset=utf-8",
}


def serve(folder: Path, port: int = 0, *, on_start: Callable[[str], None] = lambda address: None) -> None:
    """Serve a run, or the runs below a folder, on ``127.0.0.1:port`` (0: any free port) until a signal.

    ``on_start`` gets the address. Raises ``StorageError`` if ``folder`` is none or the port is taken.
    """
    config = ServerConfig(port=port, drain_seconds=1.0)
    run_app(partial(app_of(folder), config), config, on_start=lambda address: on_start(f"{address}/"))


def app_of(folder: Path) -> Callable[[ServerConfig], Starlette]:
    """What makes the application for a run, or for the runs below a folder.

    Raises ``StorageError`` where there is neither.
    """
    if is_run(folder) or not folder.is_dir():
        return partial(make_app, Viewer(RunDir.open(folder)))
    library = Library(folder)
    if not library.index.runs():
        raise StorageError(
            f"no run in {folder}",
            where=str(folder),
            hint="give the directory that train or evaluate printed, or a folder of such",
        )
    return partial(make_library_app, library)


def make_app(viewer: Viewer, config: ServerConfig | None = None) -> Starlette:
    """The application for one run. Its catalogue is deleted when the server stops."""
    opened = Opened(viewer, RunPages(viewer))
    return _app(_run_routes("", lambda request: opened, viewer.failure), viewer.failure, viewer.catalogue.close, config)


def make_library_app(library: Library, config: ServerConfig | None = None) -> Starlette:
    """The application for the runs below a folder: their list, a comparison, and each run's pages."""
    routes = [
        Route("/", _html(lambda request: library.runs(dict(request.query_params)), library.failure)),
        Route("/runs", _html(lambda request: library.compare(request.query_params.multi_items()), library.failure)),
        Route("/pulse", lambda request: PlainTextResponse(library.pulse())),
        *_run_routes("/r/{run:path}", lambda request: library.open(request.path_params["run"]), library.failure),
    ]
    return _app(routes, library.failure, library.close, config)


def _app(routes: list[Route], failure: Failure, close: Callable[[], None], config: ServerConfig | None) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        close()

    def missing(request: Request, error: Exception) -> Response:
        return HTMLResponse(failure(f"There is no page {request.url.path}."), status_code=404)

    return Starlette(
        routes=[*routes, Route("/static/{name}", _static)],
        middleware=[
            Middleware(Headers, headers=page_headers(POLICY)),
            *guards(config or ServerConfig()),
        ],
        exception_handlers={404: missing},
        lifespan=lifespan,
    )


def _run_routes(base: str, find: Callable[[Request], Opened], failure: Failure) -> list[Route]:
    """The pages of a run, whose address begins with ``base``. The longest come first: a run's name may hold slashes."""
    pages: dict[str, Callable[[Opened, dict[str, str]], str]] = {
        "/episode": lambda opened, query: opened.viewer.episode(query),
        "/facts": lambda opened, query: opened.viewer.facts(query),
        "/turn": lambda opened, query: opened.viewer.turn(query),
        "/compare": lambda opened, query: opened.viewer.compare(query),
        "/results": lambda opened, query: opened.pages.results(query),
        "/metrics": lambda opened, query: opened.pages.metrics(query),
        "/configuration": lambda opened, query: opened.pages.configuration(query),
    }
    files: dict[str, Callable[[Opened, dict[str, str]], Response]] = {
        "/pulse": lambda opened, query: PlainTextResponse(
            opened.pages.pulse() if "of" in query else opened.viewer.pulse()
        ),
        "/episode.json": lambda opened, query: Response(opened.viewer.raw(query), media_type="application/json"),
        "/metrics.csv": lambda opened, query: Response(
            opened.pages.metrics_csv(), media_type="text/csv; charset=utf-8", headers=_named("metrics.csv")
        ),
        "/file": lambda opened, query: _file(opened.pages.download(query.get("name", ""))),
    }
    routes = [Route(base + path, _html(_bound(find, make), failure)) for path, make in pages.items()]
    routes += [Route(base + path, _guarded(_bound(find, make), failure)) for path, make in files.items()]
    return [*routes, Route(base + "/", _html(_bound(find, lambda opened, query: opened.viewer.index(query)), failure))]


def _bound(find: Callable[[Request], Opened], make: Callable[[Opened, dict[str, str]], T]) -> Callable[[Request], T]:
    return lambda request: make(find(request), dict(request.query_params))


def _html(make: Callable[[Request], str], failure: Failure) -> Callable[[Request], Response]:
    return _guarded(lambda request: HTMLResponse(make(request)), failure)


def _guarded(make: Callable[[Request], Response], failure: Failure) -> Callable[[Request], Response]:
    """Answers with what is wrong: 404 for what is not there, 422 for what is there and cannot be read."""

    def answer(request: Request) -> Response:
        try:
            return make(request)
        except DataError as error:
            return HTMLResponse(failure(str(error)), status_code=404)
        except Mem1Error as error:
            return HTMLResponse(failure(str(error)), status_code=422)

    return answer


def _file(one: Download) -> Response:
    """A file as an attachment, in parts; what is appended meanwhile is not part of it."""
    with storage_errors(f"read {one.name}", one.path):
        descriptor = os.open(one.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def parts() -> Iterator[bytes]:
        left = one.size
        with os.fdopen(descriptor, "rb") as file:
            while left and (part := file.read(min(left, _PART))):
                left -= len(part)
                yield part

    return StreamingResponse(
        parts(),
        media_type="application/octet-stream",
        headers=_named(one.path.name) | {"content-length": str(one.size)},
    )


def _named(name: str) -> dict[str, str]:
    return {"content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


@cache
def static(name: str) -> bytes:
    """The script or the style sheet, to which that of the charts belongs."""
    found = resources.files("mem1.report").joinpath("static", name).read_bytes()
    return found + chart_style().encode() if name == "viewer.css" else found


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
