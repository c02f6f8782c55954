from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.storage.guards.lock import locked
from mem1.tools.web.doubles.search import KEY, Row, SearchDouble, search_double
from mem1.tools.web.doubles.site import SiteDouble, page, site_double
from tests.unit.inference.endpoint_server import Model, Server, script

SCRIPTED = ["--engine.type", "tests.unit.run.scripted:ScriptedConfig", "--allow-imports"]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main(["run", *words, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "method.md").write_text("The peak is bounded by 4,000 tokens.\n")
    return tmp_path / "docs"


def lines(tmp_path: Path, *actions: str) -> list[str]:
    (tmp_path / "script").write_text("\n".join(actions))
    return [*SCRIPTED, "--engine.script", str(tmp_path / "script"), "--session", str(tmp_path / "session")]


def test_a_task_on_a_folder_is_answered_with_its_source(
    tmp_path: Path, docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acts = lines(tmp_path, "<search_files> peak</search_files>", "<answer> 4,000 [r1] </answer>")
    code, found = run(capsys, "How large is the peak?", "--files", str(docs), *acts)
    (task,) = found["tasks"]
    assert code == 0
    assert task["answer"] == "4,000 [r1]"
    assert task["sources"] == [{"address": "r1", "source": "search_files 'peak'"}]
    assert task["spent"]["turns"] == 2


def test_several_tasks_are_done_one_after_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "more").write_text("third\n\nfourth\n")
    acts = lines(tmp_path, "<answer> so </answer>")
    _, found = run(capsys, "first", "second", "--tasks", str(tmp_path / "more"), *acts)
    assert [task["text"] for task in found["tasks"]] == ["first", "second", "third", "fourth"]
    assert {task["status"] for task in found["tasks"]} == {"answered"}


def test_a_task_that_a_limit_ended_goes_on_with_a_higher_one(
    tmp_path: Path, docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    acts = lines(tmp_path, "<recall> a</recall>", "<recall> b</recall>", "<answer> so </answer>")
    code, found = run(capsys, "task", *acts, "--max-turns", "2")
    assert (code, found["tasks"][0]["stop"]) == (9, "turns")
    session = str(tmp_path / "session")
    code, found = run(capsys, "--session", session, "--again", "--max-turns", "5", "--allow-imports")
    assert (code, found["tasks"][0]["answer"], found["tasks"][0]["spent"]["turns"]) == (0, "so", 3)


def test_a_task_joins_the_queue_of_a_session_at_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = lines(tmp_path, "<answer> so </answer>")
    run(capsys, "first", *acts)
    session = tmp_path / "session"
    with locked(session):
        code, found = run(capsys, "second", "--session", str(session), "--allow-imports")
        assert (code, found) == (0, None)
    _, found = run(capsys, "--session", str(session), "--allow-imports")
    assert [task["answer"] for task in found["tasks"]] == ["so", "so"]


def test_a_model_behind_an_endpoint_does_a_task_within_the_window_that_its_server_tells(
    tmp_path: Path, docs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(context: str) -> str:
        if "bounded by" in context:
            return "<think> found </think><answer> 4,000 [r1] </answer>"
        return "<think> look </think><open_file> method.md</open_file>"

    tokenizer = CharTokenizer()
    with Server(Model(tokenizer, script(tokenizer, write))) as server:
        server.pages["/v1/models"] = {"data": [{"id": "served", "max_model_len": 3000}]}
        session = str(tmp_path / "session")
        code, found = run(
            capsys, "How large is the peak?", "--files", str(docs), "--url", server.url, "--session", session
        )
    assert (code, found["tasks"][0]["answer"]) == (0, "4,000 [r1]")
    bodies = [body for _, _, body in server.requests]
    assert {body["model"] for body in bodies} == {"served"}
    assert "Task: How large is the peak?" in bodies[0]["messages"][0]["content"]
    assert all(body["max_tokens"] <= 1000 for body in bodies)


def test_budgets_alone_are_those_of_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    acts = lines(tmp_path, "<answer> so </answer>")
    assert run(capsys, "task", *acts, "--memory.budgets.state", "77", "--told", "9")[0] == 0
    kept = (tmp_path / "session" / "config.toml").read_text()
    assert "state = 77" in kept
    assert 'type = "state"' in kept
    assert "told = 9" in kept


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SearchDouble, SiteDouble, list[str]]]:
    """A search service, a site that it knows, and the options that lead to both."""
    for name in ("SERPER_API_KEY", "BRAVE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TAVILY_API_KEY", KEY)
    with site_double() as site, search_double(lambda query, k: [Row("Peru", site.url("/peru"), "A land.")]) as double:
        site.pages["/peru"] = page(b"<html><title>Peru</title><body><p>The capital is Lima.</p></body></html>")
        pages = ["--tools.web.pages.allow", f'["{site.place}"]', "--tools.web.pages.reading", "30"]
        yield double, site, ["--web", "--set", f"tools.web.search.base_url={double.url}", *pages]


def test_a_task_on_the_web_is_answered_with_the_page_it_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], web: tuple[SearchDouble, SiteDouble, list[str]]
) -> None:
    double, site, words = web
    url = site.url("/peru")
    acts = lines(tmp_path, "<search> capital of Peru</search>", f"<open> {url}</open>", "<answer> Lima [r2] </answer>")
    code, found = run(capsys, "What is the capital of Peru?", *words, "--tools.web.search.type", "tavily", *acts)
    assert code == 0
    assert found["tasks"][0]["answer"] == "Lima [r2]"
    assert found["tasks"][0]["sources"] == [{"address": "r2", "source": url}]
    assert double.asked == [("tavily", "capital of Peru")]


def test_a_key_that_is_refused_ends_the_work_and_the_session_goes_on_when_it_is_mended(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], web: tuple[SearchDouble, SiteDouble, list[str]]
) -> None:
    double, _, words = web
    double.answers.append((401, {}, b'{"detail": {"error": "no such key"}}'))
    acts = lines(tmp_path, "<search> Peru</search>", "<answer> so [r1] </answer>")
    code, found = run(capsys, "task", *words, "--tools.web.search.type", "tavily", *acts)
    assert (code, found["error"]["type"]) == (7, "DeniedError")
    code, found = run(capsys, "--session", str(tmp_path / "session"), "--allow-imports")
    assert (code, found["tasks"][0]["answer"], found["tasks"][0]["spent"]["turns"]) == (0, "so [r1]", 2)


def test_the_service_whose_key_is_there_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], web: tuple[SearchDouble, SiteDouble, list[str]]
) -> None:
    acts = lines(tmp_path, "<answer> so </answer>")
    assert run(capsys, "task", "--web", *acts)[0] == 0
    assert 'type = "tavily"' in (tmp_path / "session" / "config.toml").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["task", "--web", "--url", "http://127.0.0.1:1/v1"], "No key of one is in the environment"),
        (["task", "--url", "http://127.0.0.1:1/v1", "--tld", "1"], "no option or key --tld (did you mean --told?)"),
        (["task"], "which model is to do it"),
        ([], "what is to be done"),
        ([" ", "--url", "http://127.0.0.1:1/v1"], "a task is empty"),
        (["--session", "missing"], "there is no session here"),
        (["task", "--url", "http://127.0.0.1:1/v1", "--files", "missing"], "no such folder"),
        (["task", "--url", "http://127.0.0.1:1/v1", "--max-cost", "1"], "limits.cost needs engine.prices"),
        (["task", "--url", "http://127.0.0.1:1/v1", "--memory.type", "state_recall"], "offers recall itself"),
        (["task", "--url", "http://127.0.0.1:1/v1", "--limits.trns", "1"], "did you mean"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("SERPER_API_KEY", "BRAVE_API_KEY", "TAVILY_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    code, found = run(capsys, *words)
    assert code == 2
    assert says in found["error"]["what"]
    assert not list(tmp_path.iterdir())
