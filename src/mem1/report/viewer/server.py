"""A small server on this machine only, for reading a run's episodes in a browser."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from mem1.errors import DataError, Mem1Error, StorageError
from mem1.report.html import VIEWER_POLICY
from mem1.report.viewer.pages import Viewer
from mem1.storage.run_dir import RunDir

ADDRESS = "127.0.0.1"


def make_server(run_dir: Path, port: int = 0) -> ThreadingHTTPServer:
    """A server bound to ``127.0.0.1:port`` (0: any free port), ready for ``serve_forever``.

    Raises ``StorageError`` if ``run_dir`` holds no run or the port is taken.
    """
    viewer = Viewer(RunDir.open(run_dir))

    class Handler(_Handler):
        pass

    Handler.viewer = viewer
    try:
        server = ThreadingHTTPServer((ADDRESS, port), Handler)
    except OSError as error:
        raise StorageError(
            f"cannot listen on port {port}: {error.strerror}", where=ADDRESS, mend="choose another --port, or 0 for any"
        ) from error
    server.daemon_threads = True
    return server


def address_of(server: ThreadingHTTPServer) -> str:
    """What to open in a browser."""
    return f"http://{ADDRESS}:{server.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    viewer: Viewer
    server_version = "mem1"
    sys_version = ""

    def do_GET(self) -> None:
        """Answer with a page."""
        # A page elsewhere can point its own name at 127.0.0.1; only our own names may read the run.
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in (ADDRESS, "localhost"):
            self._send(HTTPStatus.FORBIDDEN, self.viewer.failure("Open the viewer by the address it printed."))
            return
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        try:
            match parts.path:
                case "/":
                    self._send(HTTPStatus.OK, self.viewer.index(query))
                case "/episode":
                    self._send(HTTPStatus.OK, self.viewer.episode(query))
                case _:
                    self._send(HTTPStatus.NOT_FOUND, self.viewer.failure(f"There is no page {parts.path}."))
        except DataError as error:
            self._send(HTTPStatus.NOT_FOUND, self.viewer.failure(str(error)))
        except Mem1Error as error:
            self._send(HTTPStatus.INTERNAL_SERVER_ERROR, self.viewer.failure(str(error)))

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line each."""

    def _send(self, status: HTTPStatus, page: str) -> None:
        body = page.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", VIEWER_POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
