"""The viewer: filters, pages, refusals, and a real server on a free port."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest

from mem1.errors import DataError, StorageError
from mem1.report.viewer.pages import Viewer
from mem1.report.viewer.server import address_of, make_server
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import make_run
from tests.unit.report.test_build import Page


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("runs"), trained=False, tasks=12)


@pytest.fixture(scope="module")
def server(run: RunDir) -> Iterator[ThreadingHTTPServer]:
    made = make_server(run.path)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def ask(server: ThreadingHTTPServer, path: str, host: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def rows(html: str) -> int:
    """Episodes listed on a page."""
    return html.count('<tr><td><a href="/episode?')


def test_all_episodes_are_listed_in_pages(run: RunDir) -> None:
    viewer = Viewer(run)
    first, last = viewer.index({}), viewer.index({"page": "2"})
    assert "222 episodes" in first  # 6 horizons x 12 tasks x 3 strategies, and 2 sessions x 3
    assert (rows(first), rows(last)) == (100, 22)
    assert 'rel="next"' in first
    assert 'rel="prev"' not in first
    assert 'rel="next"' not in last


def test_filters(run: RunDir) -> None:
    viewer = Viewer(run)
    assert rows(viewer.index({"strategy": "state", "objectives": "2"})) == 12
    assert rows(viewer.index({"stop": "error"})) == 1
    assert rows(viewer.index({"score": "not scored"})) == 1
    assert "No episode fits" in viewer.index({"strategy": "nobody"})
    several = [rows(viewer.index({"objectives": "1", "score": score})) for score in ("all right", "some wrong")]
    assert sum(several) == 36
    assert all(several)


def test_unscored_episodes_come_last_in_both_orders(run: RunDir) -> None:
    for order in ("lowest EM", "highest EM"):
        page = Viewer(run).index({"order": order, "strategy": "window", "objectives": "4"})
        names = re.findall(r">warm_start/window/parallel-4/(parallel-4-\d+)</a>", page)
        assert len(names) == 12
        assert names[-1] == "parallel-4-5"  # the failed one


@pytest.mark.parametrize("query", [{"page": "-1"}, {"order": "worst"}, {"score": "5"}, {"file": "../config"}])
def test_bad_queries_are_refused(run: RunDir, query: dict[str, str]) -> None:
    with pytest.raises(DataError):
        Viewer(run).index(query)


def test_an_episode_shows_every_turn_and_its_context(run: RunDir) -> None:
    html = Viewer(run).episode(
        {"file": "warm_start", "id": "warm_start/state/sequential-40-session/sequential-40-session-0"}
    )
    page = Page(html)
    assert page.open == []
    assert html.count('class="turn"') == 80
    assert "What was in context" in page.text
    assert "<script" not in html


def test_a_failed_episode_shows_its_error(run: RunDir) -> None:
    text = Page(Viewer(run).episode({"file": "warm_start", "id": "warm_start/window/parallel-4/parallel-4-5"})).text
    assert "BackendError" in text


def test_the_server_answers_only_for_its_own_name(server: ThreadingHTTPServer) -> None:
    assert address_of(server).startswith("http://127.0.0.1:")
    assert ask(server, "/")[0] == 200
    assert ask(server, "/", host="evil.example")[0] == 403
    assert ask(server, "/../config.json")[0] == 404
    status, page = ask(server, "/episode?file=x&id=%3Cscript%3E")
    assert status == 404
    assert "&lt;script&gt;" in page


def test_a_taken_port_is_an_error_with_a_mend(server: ThreadingHTTPServer, run: RunDir) -> None:
    with pytest.raises(StorageError, match="cannot listen"):
        make_server(run.path, server.server_port)
