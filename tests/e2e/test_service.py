"""The service as a process: hostile connections, several workers, and a stop in the middle of the work."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mem1.cli.main import main
from mem1.errors import BackendError
from mem1.serving.workers import Workers
from tests.e2e.serving import Service, serving, write_corpus

SECOND = tuple(word for name in ("header", "body", "write", "idle") for word in (f"--{name}-seconds", "1"))
SHORT = ("--max-body", "100000", *SECOND)
HEAD = b"POST /retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    corpus = write_corpus(tmp_path_factory.mktemp("corpus") / "corpus.jsonl")
    with serving("--corpus", str(corpus), *SHORT) as running:
        yield running


@pytest.fixture(autouse=True)
def _still_answers(request: pytest.FixtureRequest) -> Iterator[None]:
    """After whatever a test of ``service`` did to it, the service works as before."""
    yield
    if "service" in request.fixturenames:
        running: Service = request.getfixturevalue("service")
        reply = httpx.post(f"{running.address}/retrieve", json={"queries": ["word7"], "topk": 2})
        assert sorted(row["id"] for row in reply.json()["result"][0]) == ["6", "7"]


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)


def ended(connection: socket.socket) -> bytes:
    """Everything the server still says until it ends the connection; a connection it leaves open is an error."""
    said = b""
    try:
        while some := connection.recv(1 << 16):
            said += some
    except ConnectionError:
        pass
    return said


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", b"400"),
        (b"GET / FTP/1.1\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: many\r\n\r\n", b"400"),
        (HEAD + b"Content-Length: -5\r\n\r\n", b"400"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b""),
        (b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000, b"400"),
    ],
    ids=["tls", "protocol", "length", "negative", "chunk", "target", "headers"],
)
def test_what_is_no_http_is_refused(service: Service, sent: bytes, status: bytes) -> None:
    with connect(service) as connection:
        try:
            connection.sendall(sent)
        except ConnectionError:
            return  # refused before all of it was sent
        said = ended(connection)
    assert not status or said.startswith(b"HTTP/1.1 " + status) or said == b""
    assert b"200 OK" not in said


def test_malformed_and_huge_bodies(service: Service) -> None:
    with httpx.Client(base_url=service.address) as client:
        assert client.post("/retrieve", content=b"[" * 90_000).status_code == 422
        assert client.post("/retrieve", content=b"\xff" * 90_000).status_code == 422
        huge = client.post("/retrieve", content=b"x" * 20_000_000)
        assert (huge.status_code, huge.headers["connection"]) == (413, "close")
        assert client.post("/retrieve", json={"queries": ["word3"]}).status_code == 200


def test_a_body_without_end_is_refused(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
        sent = 0
        try:
            for _ in range(4000):
                connection.sendall(chunk)
                sent += len(chunk)
        except ConnectionError:
            pass
        said = ended(connection)
    assert sent < 4000 * len(chunk), "the server must not take all of it"
    assert said.startswith(b"HTTP/1.1 413") or said == b""


def test_who_announces_too_much_and_asks_first_is_told_at_once(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(HEAD + b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n")
        assert ended(connection).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("begun", [b"", b"POST /retr", HEAD], ids=["nothing", "line", "headers"])
def test_a_request_that_never_comes_is_not_waited_for(service: Service, begun: bytes) -> None:
    with connect(service) as connection:
        connection.sendall(begun)
        assert ended(connection) == b""


def test_headers_byte_by_byte_do_not_hold_a_connection(service: Service) -> None:
    with connect(service) as connection:
        try:
            for byte in HEAD * 40:
                connection.sendall(bytes([byte]))
                time.sleep(0.01)
        except ConnectionError:
            return
        assert ended(connection) == b""


def test_a_second_request_on_a_connection_is_not_waited_for_either(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(HEAD + b'Content-Length: 15\r\n\r\n{"queries": []}POST /ret')
        said = ended(connection)
    assert said.startswith(b"HTTP/1.1 200")
    assert said.count(b"HTTP/1.1") == 1


def test_a_body_byte_by_byte_times_out(service: Service) -> None:
    with connect(service) as connection:
        connection.sendall(HEAD + b"Content-Length: 5000\r\n\r\n")
        try:
            for _ in range(400):
                connection.sendall(b" ")
                time.sleep(0.01)
        except ConnectionError:
            pass
        said = ended(connection)
    assert said.startswith(b"HTTP/1.1 408") or said == b""  # the answer is lost where the client goes on sending


def test_a_client_that_does_not_read_is_let_go(tmp_path: Path) -> None:
    """Answers of about 30 MB wait in the server's memory for nobody: it lets the connection go."""
    psutil = pytest.importorskip("psutil")
    rows = (json.dumps({"id": str(i), "contents": f'"t"\nsame {"x" * 20_000}'}) for i in range(100))
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(f"{row}\n" for row in rows))
    body = json.dumps({"queries": ["same"] * 15, "topk": 100}).encode()
    with serving("--corpus", str(corpus), *SHORT) as service, connect(service) as connection:
        server = psutil.Process(service.pid)

        def held() -> int:
            return sum(one.status == psutil.CONN_ESTABLISHED for one in server.net_connections("tcp"))

        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(8) == b"HTTP/1.1", "the answer is on its way"
        assert held() == 1
        deadline = time.monotonic() + PATIENCE
        while held():
            assert time.monotonic() < deadline, "the connection is still held"
            time.sleep(0.05)
        assert httpx.post(f"{service.address}/retrieve", json={"queries": ["same"]}).status_code == 200


def test_a_hundred_slow_connections_leave_room_for_others(service: Service) -> None:
    slow = [connect(service) for _ in range(100)]
    for connection in slow:
        connection.sendall(HEAD + b"Content-Length: 50\r\n\r\n{")
    with httpx.Client(base_url=service.address) as client:
        assert all(client.post("/retrieve", json={"queries": ["word3"]}).status_code == 200 for _ in range(20))
    assert all(ended(connection).startswith(b"HTTP/1.1 408") for connection in slow)


# ---------------------------------------------------------------- stopping


class Caller(threading.Thread):
    """Asks one question after the other on one connection, until the server is gone; keeps when each was begun."""

    def __init__(self, address: str, number: int) -> None:
        super().__init__()
        self.address = address
        self.number = number
        self.done: list[tuple[float, int]] = []
        self.failed: tuple[float, str] | None = None

    def run(self) -> None:
        with httpx.Client(base_url=self.address, timeout=PATIENCE) as client:
            for i in range(1_000_000):
                word = f"word{1 + (self.number * 17 + i) % 190}"
                began = time.monotonic()
                try:
                    reply = client.post("/retrieve", json={"queries": [word] * 16, "topk": 2})
                except httpx.TransportError as error:
                    self.failed = (began, type(error).__name__)
                    return
                assert [len(row) for row in reply.json()["result"]] == [2] * 16
                self.done.append((began, reply.status_code))


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_sigterm_under_load_answers_what_was_asked_and_ends_with_0(tmp_path: Path, workers: str) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus), "--workers", workers, "--linger-seconds", "3") as service:
        httpx.post(f"{service.address}/retrieve", json={"queries": ["word1"]}, timeout=PATIENCE)
        callers = [Caller(service.address, number) for number in range(8)]
        for caller in callers:
            caller.start()
        deadline = time.monotonic() + PATIENCE
        while any(len(caller.done) < 4 for caller in callers) and time.monotonic() < deadline:
            time.sleep(0.05)
        asked_to_stop = time.monotonic()
        service.process.send_signal(signal.SIGTERM)
        for caller in callers:
            caller.join(PATIENCE)
        code = service.process.wait(PATIENCE)
    assert code == 0
    assert all(caller.failed is not None for caller in callers), "the server is gone"
    assert all(len(caller.done) > 3 for caller in callers)
    assert {status for caller in callers for _, status in caller.done} == {200}
    lost = [caller.failed for caller in callers if caller.failed and caller.failed[0] <= asked_to_stop]
    assert lost == [], "a request that was begun before the signal was not answered"


def test_ctrl_c_ends_with_0_and_the_port_is_free_again(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus)) as first:
        assert httpx.get(f"{first.address}/health").json()["status"] == "ok"
        first.process.send_signal(signal.SIGINT)
        assert first.process.wait(PATIENCE) == 0
    with serving("--corpus", str(corpus), "--port", str(first.port)) as second:
        assert second.port == first.port


@pytest.mark.slow
def test_workers_share_a_port_are_counted_together_and_replaced(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus), "--workers", "2") as service:
        for _ in range(20):  # each on a connection of its own
            httpx.post(f"{service.address}/retrieve", json={"queries": ["word1", "word2"]}, timeout=PATIENCE)
        assert "mem1_queries_total 40.0" in httpx.get(f"{service.address}/metrics").text
        parent = psutil.Process(service.pid)

        def workers() -> set[int]:
            alive = (child for child in parent.children() if child.status() != psutil.STATUS_ZOMBIE)
            return {child.pid for child in alive if "spawn_main" in " ".join(child.cmdline())}

        before = workers()
        assert len(before) == 2
        psutil.Process(min(before)).kill()
        deadline = time.monotonic() + PATIENCE
        while len(workers()) < 2 or workers() == before:
            assert time.monotonic() < deadline, "the dead worker was not replaced"
            time.sleep(0.05)
        assert (
            httpx.post(f"{service.address}/retrieve", json={"queries": ["word1"]}, timeout=PATIENCE).status_code == 200
        )


def dies() -> None:
    """A worker that does not come far."""
    os._exit(3)


@pytest.mark.slow
def test_workers_that_keep_dying_end_the_service() -> None:
    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(BackendError, match="workers keep dying, the last with exit code 3"):
        Workers(dies, 1).run(lambda: None, patience=5)
    assert signal.getsignal(signal.SIGTERM) == former


@pytest.mark.slow
def test_workers_do_not_outlive_their_parent(tmp_path: Path) -> None:
    psutil = pytest.importorskip("psutil")
    with serving("--corpus", str(write_corpus(tmp_path / "corpus.jsonl")), "--workers", "2") as service:
        httpx.post(f"{service.address}/retrieve", json={"queries": ["word1"]}, timeout=PATIENCE)
        children = psutil.Process(service.pid).children()
        assert len(children) >= 2
        os.kill(service.pid, signal.SIGKILL)
        service.process.wait(PATIENCE)
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert alive == []


# ---------------------------------------------------------------- the command


def test_what_cannot_be_served_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    assert main(["serve", "retrieve"]) == 2
    assert "give a RECIPE or --corpus FILE" in capsys.readouterr().err
    assert main(["serve", "retrieve", "--corpus", str(tmp_path / "none.jsonl"), "--port", "0"]) == 3
    assert "the corpus is missing" in capsys.readouterr().err
    pages = str(tmp_path / "none.jsonl")
    assert main(["serve", "retrieve", "--corpus", str(corpus), "--pages", pages, "--port", "0"]) == 3
    said = capsys.readouterr()
    assert (said.out, "cannot read the pages" in said.err) == ("", True)
    assert main(["serve", "retrieve", "--corpus", str(corpus), "--workers", "none"]) == 2
    assert "workers" in capsys.readouterr().err
    assert main(["serve", "everything"]) == 2
    assert "retrieve" in capsys.readouterr().err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["serve", "retrieve", "--corpus", str(corpus), "--port", port]) == 6
    assert "choose another --port" in capsys.readouterr().err


# ---------------------------------------------------------------- the size and the doors that clients meet


@pytest.mark.parametrize("query", ["word7", "what comes before word7 in the list of words, and why? " * 30])
def test_a_training_steps_searches_in_one_request_at_the_default_limits(tmp_path: Path, query: str) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus)) as running:
        # The published client: one POST of all queries, without a time limit.
        payload = {"queries": [f"{query} q{number}" for number in range(2560)], "topk": 3, "return_scores": True}
        rows = httpx.post(f"{running.address}/retrieve", json=payload, timeout=None).json()["result"]
    assert len(rows) == 2560
    assert all(row[0]["document"]["id"] in ("6", "7") for row in rows)


def test_sockets_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus), "--max-connections", "20", "--header-seconds", "60") as running:
        silent = [connect(running) for _ in range(60)]
        try:
            for _ in range(5):
                reply = httpx.post(f"{running.address}/retrieve", json={"queries": ["word7"]}, timeout=10)
                assert reply.status_code == 200
        finally:
            for connection in silent:
                connection.close()


def test_a_token_and_a_name_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", "nobody can guess this")
    corpus = write_corpus(tmp_path / "corpus.jsonl")
    with serving("--corpus", str(corpus), "--token-env", "OUR_TOKEN") as running:
        ask = {"queries": ["word7"]}
        assert httpx.post(f"{running.address}/retrieve", json=ask).status_code == 401
        key = {"authorization": "Bearer nobody can guess this"}
        assert httpx.post(f"{running.address}/retrieve", json=ask, headers=key).status_code == 200
        named = key | {"host": "evil.example"}
        assert httpx.post(f"{running.address}/retrieve", json=ask, headers=named).status_code == 421
        assert httpx.get(f"{running.address}/metrics").status_code == 401
        assert httpx.get(f"{running.address}/health").status_code == 200
