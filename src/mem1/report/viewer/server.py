"""A small server on this machine only, for reading a run's episodes in a browser."""

from __future__ import annotations

import hashlib
from functools import cache
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from mem1.errors import DataError, Mem1Error, StorageError
from mem1.report.viewer.pages import Viewer
from mem1.storage.run_dir import RunDir

ADDRESS = "127.0.0.1"
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


def make_server(run_dir: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server bound to ``127.0.0.1:port`` (0: any free port), ready for ``serve_forever``.

    Raises ``StorageError`` if ``run_dir`` holds no run or the port is taken.
    """
    viewer = Viewer(RunDir.open(run_dir))

    class Handler(_Handler):
        pass

    Handler.viewer = viewer
    try:
        server = _Server((ADDRESS, port), Handler, viewer)
    except OSError as error:
        raise StorageError(
            f"cannot listen on port {port}: {error.strerror}", where=ADDRESS, hint="choose another --port, or 0 for any"
        ) from error
    return server


def address_of(server: ThreadingHTTPServer) -> str:
    """What to open in a browser."""
    return f"http://{ADDRESS}:{server.server_port}/"


@cache
def static(name: str) -> bytes:
    """The script or the style sheet."""
    return resources.files("mem1.report").joinpath("static", name).read_bytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], viewer: Viewer) -> None:
        self._viewer = viewer
        super().__init__(address, handler)

    def server_close(self) -> None:
        """Stop listening and delete the catalogue."""
        super().server_close()
        self._viewer.catalogue.close()


class _Handler(BaseHTTPRequestHandler):
    viewer: Viewer
    server_version = "mem1"
    sys_version = ""
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        """Answer with a page."""
        # A page elsewhere can point its own name at 127.0.0.1; only our own names may read the run.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (ADDRESS, "localhost"):
            self._page(HTTPStatus.FORBIDDEN, self.viewer.failure("Open the viewer by the address it printed."))
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        try:
            match parts.path:
                case "/":
                    self._page(HTTPStatus.OK, self.viewer.index(query))
                case "/episode":
                    self._page(HTTPStatus.OK, self.viewer.episode(query))
                case "/turn":
                    self._page(HTTPStatus.OK, self.viewer.turn(query))
                case "/compare":
                    self._page(HTTPStatus.OK, self.viewer.compare(query))
                case "/pulse":
                    self._send(HTTPStatus.OK, self.viewer.pulse().encode(), "text/plain; charset=utf-8")
                case "/static/viewer.css" | "/static/viewer.js" | "/static/icon.svg":
                    self._static(parts.path.rsplit("/", 1)[1])
                case _:
                    self._page(HTTPStatus.NOT_FOUND, self.viewer.failure(f"There is no page {parts.path}."))
        except DataError as error:
            self._page(HTTPStatus.NOT_FOUND, self.viewer.failure(str(error)))
        except Mem1Error as error:
            self._page(HTTPStatus.INTERNAL_SERVER_ERROR, self.viewer.failure(str(error)))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the browser went elsewhere

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line each."""

    def _page(self, status: HTTPStatus, page: str) -> None:
        self._send(status, page.encode(), "text/html; charset=utf-8")

    def _static(self, name: str) -> None:
        body = static(name)
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if self.headers.get("If-None-Match") == tag:
            self._send(HTTPStatus.NOT_MODIFIED, b"", _KINDS[name], tag)
        else:
            self._send(HTTPStatus.OK, body, _KINDS[name], tag)

    def _send(self, status: HTTPStatus, body: bytes, kind: str, tag: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Cache-Control", "no-cache" if tag else "no-store")
        if tag:
            self.send_header("ETag", tag)
        self.end_headers()
        self.wfile.write(body)
