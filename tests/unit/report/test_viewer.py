"""The viewer's pages and its server on a free port."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from mem1.errors import DataError, StorageError
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.report.viewer.app import POLICY, make_app, serve
from mem1.report.viewer.pages import TURNS, Viewer
from mem1.serving.background import running
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import keep_vocabulary
from mem1.types import Episode, SideCall, Usage
from tests.unit.report.scripted import VOCABULARY, play
from tests.unit.report.synthetic import SyntheticConfig, make_run
from tests.unit.report.test_build import Page

SESSION = {"file": "warm_start", "id": "warm_start/state/sequential-40-session/sequential-40-session-0"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("runs"), trained=False, tasks=12)


@pytest.fixture(scope="module")
def viewer(run: RunDir) -> Viewer:
    return Viewer(run)


@pytest.fixture(scope="module")
def server(run: RunDir) -> Iterator[str]:
    with running(lambda: make_app(Viewer(run))) as address:
        yield address


class Bytes:
    """A tokenizer that spells the tokens of scripted episodes."""

    def pieces(self) -> list[bytes]:
        return [VOCABULARY.piece(i) for i in range(13 + 256)]


def played(root: Path, *, spelled: bool = True) -> tuple[Viewer, Episode]:
    """A run with one scripted episode under each of two strategies."""
    run = RunDir.create(root, "played", SyntheticConfig())
    state, full = (
        play(config.build()).model_copy(update={"id": name})
        for config, name in ((StateMemoryConfig(), "s"), (FullMemoryConfig(), "f"))
    )
    with EpisodeWriter(run.episodes("train", compressed=True)) as writer:
        for one in (state, full):
            writer.write(one)
    if spelled:
        keep_vocabulary(run.vocabulary, Bytes())
    return Viewer(run), state


def ask(server: str, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection(server.removeprefix("http://"), timeout=20)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read().decode()
    connection.close()
    return found


def rows(html: str) -> int:
    """Episodes listed on a page."""
    return html.count('<td class="name">')


def links(html: str, rel: str) -> list[str]:
    return [unescape(link) for link in re.findall(rf'<a href="([^"]*)" rel="{rel}"', html)]


def query_of(link: str) -> dict[str, str]:
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(link).query))


def test_all_episodes_are_listed_in_pages(viewer: Viewer) -> None:
    first, last = viewer.index({}), viewer.index({"page": "2"})
    assert "<b>222</b>" in first  # 6 horizons x 12 tasks x 3 strategies, and 2 sessions x 3
    assert (rows(first), rows(last)) == (100, 22)
    assert (len(links(first, "next")), len(links(first, "prev"))) == (1, 0)
    assert (len(links(last, "next")), len(links(last, "prev"))) == (0, 1)
    assert Page(first).open == []


def test_filters_reach_the_list(viewer: Viewer) -> None:
    assert rows(viewer.index({"strategy": "state", "objectives": "2"})) == 12
    assert rows(viewer.index({"outcome": "failed"})) == 1
    assert rows(viewer.index({"q": "parallel-4-5", "strategy": "window"})) == 1
    nothing = viewer.index({"strategy": "nobody"})
    assert "No episode fits" in nothing
    assert "Show all 222" in nothing


def test_an_episode_shows_its_turns_page_by_page(viewer: Viewer) -> None:
    html = viewer.episode(SESSION)
    page = Page(html)
    assert page.open == []
    assert html.count('class="turn"') == TURNS == 50
    rest = viewer.episode(SESSION | {"from": "51"})
    assert 'id="turn-80"' in rest
    assert rest.count('class="turn"') == 30
    assert html.count('class="hit"') == rest.count('class="hit"') == 80  # the skyline has them all
    with pytest.raises(DataError, match="no turn 101"):
        viewer.episode(SESSION | {"from": "150"})
    with pytest.raises(DataError, match="no such turn"):
        viewer.episode(SESSION | {"from": "0"})


def test_next_and_previous_go_through_the_filtered_list(viewer: Viewer) -> None:
    query = {"strategy": "window", "objectives": "4", "order": "-met"}
    first = re.findall(r'<td class="name"><a href="([^"]*)"', viewer.index(query))
    second = query_of(unescape(first[1]))
    html = viewer.episode(second)
    assert [query_of(link)["id"] for link in links(html, "prev")] == [query_of(unescape(first[0]))["id"]]
    assert [query_of(link)["id"] for link in links(html, "next")] == [query_of(unescape(first[2]))["id"]]
    assert [query_of(link) for link in links(html, "up")] == [query]


def test_a_failed_episode_shows_its_error(viewer: Viewer) -> None:
    text = Page(viewer.episode({"file": "warm_start", "id": "warm_start/window/parallel-4/parallel-4-5"})).text
    assert "BackendError" in text


def test_a_turn_shows_what_was_in_context_and_what_was_dropped(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path)
    text = Page(viewer.turn({"file": "train", "id": "s", "turn": "3"})).text
    seen, dropped = text.split("Dropped before this turn")
    assert "turn 2 · state · 20 tokens" in seen
    assert "<think>known: Perú found</think>" in seen
    assert "turn 1 · observation · 34 tokens" in dropped
    assert "passage about Perú" in dropped
    assert "passage about Perú" not in seen
    part = viewer.turn({"file": "train", "id": "s", "turn": "3", "part": "1"})
    assert "<html" not in part
    for bad in ("0", "5", "x", ""):
        with pytest.raises(DataError, match="no such turn"):
            viewer.turn({"file": "train", "id": "s", "turn": bad})


def test_the_state_is_shown_with_what_changed_in_it(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path)
    html = viewer.episode({"file": "train", "id": "s"})
    third = html[html.index('id="turn-3"') : html.index('id="turn-4"')]
    assert "<span>known: Perú </span><del>found</del><ins>and Chile</ins>" in third
    assert "<b>61</b> of 118 tokens of earlier turns were in context, <b>57</b> had been dropped" in third


def test_the_prompt_is_spelled_where_the_run_keeps_its_vocabulary(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path / "a")
    assert "Task prompt P" in viewer.episode({"file": "train", "id": "s"})
    without, _ = played(tmp_path / "b", spelled=False)
    assert "Task prompt P" not in without.episode({"file": "train", "id": "s"})
    assert "known: Perú found" in without.turn({"file": "train", "id": "s", "turn": "3"})


def test_two_strategies_stand_side_by_side_by_default(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path)
    html = viewer.compare({"file": "train", "id": "s"})
    assert Page(html).open == []
    assert "The same task, turn by turn." in html
    assert html.count('class="turn"') == 8
    assert html == viewer.compare({"file": "train", "id": "s", "file2": "train", "id2": "f"})
    with pytest.raises(DataError, match="no such episode"):
        viewer.compare({"file": "train", "id": "s", "file2": "train", "id2": "nobody"})


def test_a_shorter_episode_has_ended(viewer: Viewer) -> None:
    other = {"file2": "warm_start", "id2": "warm_start/full/parallel-2/parallel-2-0"}
    html = viewer.compare(SESSION | other)
    assert "Two different tasks" in html
    assert html.count("full had ended.") == TURNS - 3
    assert viewer.compare(SESSION | other | {"from": "51"}).count('class="turn"') == 30


def test_training_forced_tokens_usage_and_side_calls_are_shown_where_recorded(tmp_path: Path) -> None:
    viewer, episode = played(tmp_path)
    used = Usage(calls=2, prompt_tokens=1234, cached_tokens=50, completion_tokens=7, seconds=0.5, cost=0.25)
    turns = [
        turn.model_copy(update={"advantage": 0.5 - turn.index, "usage": used if turn.index == 1 else None})
        for turn in episode.turns
    ]
    turns[2] = turns[2].model_copy(update={"sampled_mask": (*turns[2].sampled_mask[:-2], False, False)})
    call = SideCall(
        turn=1, purpose="summary", prompt_token_ids=episode.turns[0].prompt_token_ids, prefix_length=8,
        completion_token_ids=episode.turns[0].completion_token_ids[:16],
    )  # fmt: skip
    changes = {"id": "t", "turns": tuple(turns), "advantage": -1.0, "side_calls": (call,)}
    with EpisodeWriter(viewer.run.episodes("train")) as writer:
        writer.write(episode.model_copy(update=changes))
    text = Page(viewer.episode({"file": "train", "id": "t"})).text
    assert re.findall(r"advantage\s+([+−]\d\.\d\d)", text) == ["+0.50", "−0.50", "−1.50", "−2.50"]
    assert "2 tokens forced" in text
    assert "2 calls, 1\u202f234 tokens in (50 cached), 7 out, 0.50 s, cost 0.25" in text
    assert "summary: a call of the memory before this turn" in text
    assert "<think>known: nothing</think>" in text  # what the call wrote
    assert "Advantage" in viewer.index({})


def test_new_episodes_show_without_a_restart(tmp_path: Path) -> None:
    viewer, episode = played(tmp_path)
    assert viewer.pulse() == "2"
    with EpisodeWriter(viewer.run.episodes("train")) as writer:
        writer.write(episode.model_copy(update={"id": "new"}))
    assert viewer.pulse() == "3"
    assert rows(viewer.index({"q": "new"})) == 1


def test_a_run_without_episodes_says_so(tmp_path: Path) -> None:
    viewer = Viewer(RunDir.create(tmp_path, "empty", SyntheticConfig()))
    assert "no episodes yet" in viewer.index({})
    with pytest.raises(DataError):
        viewer.episode({"file": "x", "id": "y"})


def test_the_server_answers_only_for_its_own_name(server: str) -> None:
    assert server.startswith("http://127.0.0.1:")
    assert ask(server, "/")[0] == 200
    assert ask(server, "/", Host="evil.example")[0] == 421
    assert ask(server, "/", Host="127.0.0.1.evil.example:80")[0] == 421
    assert ask(server, "/pulse", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
    assert ask(server, "/../config.json")[0] == 404
    assert ask(server, "/static/../pages.py")[0] == 404
    status, _, page = ask(server, "/episode?file=x&id=%3Cscript%3E")
    assert status == 404
    assert "&lt;script&gt;" in page
    assert ask(server, "/?order=x")[0] == 404


def test_every_answer_forbids_what_is_not_our_own(server: str) -> None:
    for path in ("/", "/static/viewer.js", "/nothing", "/pulse"):
        _, headers, _ = ask(server, path)
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in POLICY
    page = ask(server, "/")[2]
    assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/viewer.js">']
    assert "style=" not in page
    assert not re.search(r"\son\w+=", page)


def test_static_files_are_sent_once(server: str) -> None:
    status, headers, body = ask(server, "/static/viewer.css")
    assert (status, headers["content-type"]) == (200, "text/css; charset=utf-8")
    assert "--paper" in body
    assert ask(server, "/static/viewer.css", **{"If-None-Match": headers["etag"]})[::2] == (304, "")


def test_a_taken_port_is_an_error_with_a_hint(server: str, run: RunDir) -> None:
    with pytest.raises(StorageError, match="cannot listen"):
        serve(run.path, int(server.rpartition(":")[2]))
