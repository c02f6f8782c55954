"""Services that refuse, are gone, or repeat our key: commands end after a few calls, say why, and hold no key.

Each command runs against a real server; what it left on disk and on the console is looked at.
"""

from __future__ import annotations

import base64
import gzip
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from mem1.cli.main import main
from mem1.errors import BackendError
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir

RECIPES = Path(__file__).parents[2] / "recipes"
KEY = "sk-chaos-SECRET-SECRET-0123456789abcdef"
Respond = Callable[[int, dict[str, Any]], tuple[int, bytes]]
"""(number of the call, its body) -> status and body of the answer."""

ECHO = "\n".join(
    [
        f"Incorrect API key provided: {KEY}",
        f"Authorization: Bearer {KEY}",
        json.dumps(KEY).replace("-", "\\u002d"),
        f"{KEY[:15]} {KEY[15:]}",
        f"{KEY[:15]}\u200b{KEY[15:]}",
        f"http://x/?key={quote(KEY)}&{''.join(f'%{ord(c):02x}' for c in KEY)}",
        base64.b64encode(KEY.encode()).decode(),
        base64.b64encode(f"Bearer {KEY}".encode()).decode(),
        KEY[:20],
    ]
)
PARTS = [KEY, KEY[:15], KEY[15:], KEY[:20], "".join(f"%{ord(c):02x}" for c in KEY)]
PARTS += [json.dumps(KEY).replace("-", "\\u002d"), base64.b64encode(KEY.encode()).decode()[:20]]
PARTS += [base64.b64encode(f"Bearer {KEY}".encode()).decode()[10:30]]


class Service:
    """A server that answers POST by ``respond`` and knows nothing of GET; counts what it was asked."""

    def __init__(self, respond: Respond) -> None:
        self.respond = respond
        self.calls = 0
        self.keys: set[str] = set()
        self.url = ""


@contextmanager
def serving(respond: Respond) -> Iterator[Service]:
    service, lock = Service(respond), threading.Lock()

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                service.keys.add(self.headers.get("Authorization", ""))
                service.calls += 1
                number = service.calls
            status, content = service.respond(number, body)
            self.send_response(status, f"No {KEY}" if status != 200 else None)
            for name, value in (("X-Key", KEY), ("Location", f"http://x/{KEY}"), ("Content-Length", len(content))):
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


def chat(text: str) -> bytes:
    choice = {"message": {"content": text}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice], "usage": {"prompt_tokens": 2000, "completion_tokens": 9}}).encode()


# Three denials in a row end a run, and an answer that was given before and comes late starts the count again: of eight
# places seven may hold such a one (two denials each), then come the three, while seven others are under way.
UNDER_WAY = 7
DENIED = UNDER_WAY * 2 + 3

ANSWER = chat("<think> I know </think>\n<answer> Lima </answer>")


def passages(body: dict[str, Any]) -> bytes:
    hit = {"document": {"id": "1", "contents": '"Peru"\nIts capital is Lima.'}, "score": 1.0}
    return json.dumps({"result": [[hit] for _ in body["queries"]]}).encode()


def evaluate(run: Path, url: str, *words: str, tasks: int = 100) -> int:
    """``mem1 evaluate`` of an endpoint: 300 episodes."""
    fixed = ["--run", str(run), "--engine.base_url", f"{url}/v1", "--evaluate.horizons", "[1]"]
    fixed += ["--evaluate.tasks", str(tasks), "--evaluate.resamples", "100", "--engine.first_wait", "0.01"]
    return main(["evaluate", str(RECIPES / "endpoint.toml"), *fixed, *words])


def tiny(command: str, run: Path, *words: str) -> int:
    """A command on the policy that comes along."""
    recipe = {"evaluate": "compare-factbook.toml", "distill": "distill.toml", "train": "factbook-rloo.toml"}[command]
    return main([command, str(RECIPES / recipe), "--run", str(run), *words])


def everything(run: Path) -> str:
    """All that lies under a run directory, unpacked."""
    texts = []
    for file in run.rglob("*") if run.exists() else ():
        if file.is_file():
            raw = file.read_bytes()
            texts.append((gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", "replace"))
    return "\n".join(texts)


def no_key(run: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """What the console showed, once it is clear that neither it nor the run holds the key in any form."""
    console = capsys.readouterr()
    told = everything(run) + console.out + console.err
    assert not [part for part in PARTS if part in told]
    return console.err


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "JUDGE_KEY", "SEARCH_KEY"):
        monkeypatch.setenv(name, KEY)


JUDGE = ("--scorer.name", "judge", "--scorer.judge.model", "m", "--scorer.judge.key_env", "JUDGE_KEY")
SEARCH = ("--retriever.type", "remote", "--retriever.key_env", "SEARCH_KEY", "--retriever.attempts", "2")


# ---------------------------------------------------------------- the key of every client


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_endpoint_that_echoes_the_key_gives_it_away_to_nobody(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, body: (status, ECHO.encode())) as service:
        code = evaluate(tmp_path / "run", service.url, "--engine.retries", "1")
    assert code == BackendError.exit_code
    assert "[key]" in no_key(tmp_path / "run", capsys)
    assert service.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_judge_that_echoes_the_key_gives_it_away_to_nobody(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        serving(lambda number, body: (200, chat("<think> a </think>\n<answer> somewhere </answer>"))) as endpoint,
        serving(lambda number, body: (status, ECHO.encode())) as judge,
    ):
        words = (*JUDGE, "--scorer.judge.base_url", f"{judge.url}/v1", "--scorer.judge.attempts", "1")
        code = evaluate(tmp_path / "run", endpoint.url, *words, tasks=8)
    assert code == BackendError.exit_code, "where it may pass, a dozen questions without a verdict are enough"
    assert "[key]" in no_key(tmp_path / "run", capsys)
    assert judge.keys == {f"Bearer {KEY}"}


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_a_search_service_that_echoes_the_key_gives_it_away_to_nobody(
    status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers the first question, so that the run begins."""
    search = chat("<think> a </think>\n<search> capital </search>")
    with (
        serving(lambda number, body: (200, search)) as endpoint,
        serving(lambda number, body: (200, passages(body)) if number == 1 else (status, ECHO.encode())) as service,
    ):
        code = evaluate(tmp_path / "run", endpoint.url, *SEARCH, "--retriever.url", service.url, tasks=8)
    assert code == BackendError.exit_code
    assert "[key]" in no_key(tmp_path / "run", capsys)
    assert service.keys == {f"Bearer {KEY}"}


# ---------------------------------------------------------------- how soon it ends


@pytest.mark.parametrize(("status", "most"), [(401, 1), (402, 1), (403, 10), (404, 10), (400, 10), (422, 10)])
def test_an_endpoint_that_refuses_everything_is_asked_a_few_times(
    status: int, most: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(lambda number, body: (status, b"no")) as service:
        assert evaluate(tmp_path / "run", service.url) == BackendError.exit_code
    assert 1 <= service.calls <= most
    told = capsys.readouterr().err
    assert f"the server answered {status}: no" in told
    assert "--resume" in told


def test_a_key_that_is_withdrawn_ends_the_run_which_goes_on_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    with serving(lambda number, body: (200, ANSWER) if number <= 40 else (401, b"who are you?")) as service:
        assert evaluate(run, service.url, tasks=30) == BackendError.exit_code
        assert service.calls <= 40 + DENIED + UNDER_WAY
        assert "401: who are you?" in capsys.readouterr().err
        kept = list(read_episodes(RunDir.open(run).episodes("evaluation", compressed=True)))
        done = sum(not one.failed for one in kept)
        assert done in (39, 40), "every answer that was given is kept, but for a look at whether the key is good"
        assert len(kept) - done <= DENIED + UNDER_WAY, "and an episode fails for each call that was denied"
        service.respond = lambda number, body: (200, ANSWER)
        seen = service.calls
        assert evaluate(run, service.url, "--resume", tasks=30) == 0
        assert service.calls - seen == 90 - done


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
def test_a_judge_that_refuses_ends_the_run(status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with (
        serving(lambda number, body: (200, chat("<think> a </think>\n<answer> somewhere </answer>"))) as endpoint,
        serving(lambda number, body: (status, b"no")) as judge,
    ):
        words = (*JUDGE, "--scorer.judge.base_url", f"{judge.url}/v1")
        assert evaluate(tmp_path / "run", endpoint.url, *words) == BackendError.exit_code
    assert judge.calls <= 10
    assert f"the judge answered {status}: no" in capsys.readouterr().err


def test_a_search_service_that_dies_is_called_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search = chat("<think> a </think>\n<search> capital </search>")
    with serving(lambda number, body: (200, search)) as endpoint:
        with serving(lambda number, body: (200, passages(body))) as service:
            assert evaluate(tmp_path / "one", endpoint.url, *SEARCH, "--retriever.url", service.url, tasks=2) == 0
        capsys.readouterr()
        assert (
            evaluate(tmp_path / "two", endpoint.url, *SEARCH, "--retriever.url", service.url) == BackendError.exit_code
        )
    assert "the search service: the connection failed" in capsys.readouterr().err
    assert not (tmp_path / "two").exists(), "it is asked before anything is begun"


@pytest.mark.parametrize("command", ["train", "distill", "evaluate"])
def test_services_are_asked_before_a_model_is_loaded(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*args: object, **settings: object) -> object:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("mem1.inference.hf.loading.load_model", loaded)
    with serving(lambda number, body: (401, b"no")) as dead:
        pass
    with serving(lambda number, body: (401, ECHO.encode())) as denies:
        for words in (
            (*SEARCH, "--retriever.url", dead.url),
            (*SEARCH, "--retriever.url", denies.url),
            (*JUDGE, "--scorer.judge.base_url", f"{dead.url}/v1"),
        ):
            assert tiny(command, tmp_path / "run", *words) == BackendError.exit_code
            assert not (tmp_path / "run").exists()
            told = no_key(tmp_path / "run", capsys)
            assert "the search service" in told or "the judge" in told


@pytest.mark.parametrize("command", ["train", "distill"])
def test_training_and_distilling_end_with_a_search_service_that_dies(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers ten times and denies us from then on: neither broken weights nor hundreds of failed episodes."""
    with serving(lambda number, body: (200, passages(body)) if number <= 10 else (401, b"no")) as service:
        words = [*SEARCH, "--retriever.url", service.url, "--retriever.batch", "1"]
        if command == "train":
            words += ["--train.steps", "2", "--set", "watch_tasks=4"]
        began = time.monotonic()
        assert tiny(command, tmp_path / "run", *words) == BackendError.exit_code
    assert service.calls <= 10 + DENIED + UNDER_WAY
    told = capsys.readouterr().err
    assert "the search service answered 401: no" in told
    assert "weights" not in told
    assert time.monotonic() - began < 200
