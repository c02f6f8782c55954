"""Many runs in the viewer: their list, some side by side, each run's own pages, and what can be taken away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from urllib.parse import quote

import pytest

from mem1.errors import DataError, StorageError
from mem1.evaluation.records import Evaluation
from mem1.report.viewer.app import app_of, make_library_app
from mem1.report.viewer.library import Library
from mem1.report.viewer.run_pages import as_csv, as_texts, downloads
from mem1.serving.background import running
from mem1.storage.atomic import write_json
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.guards.lock import locked
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import HOSTILE, SyntheticConfig, make_run
from tests.unit.report.test_build import Page
from tests.unit.report.test_viewer import ask, played

NASTY = "<script>document.title='stolen'</script>\"'><img src=x onerror=alert(1)>"
PAGES = ("", "results", "metrics", "configuration", "?fold=group")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of one setting, another setting below a folder, a damaged run, one with a hostile name and content."""
    root = tmp_path_factory.mktemp("many") / "runs"
    for name, seed, lr in (("a", 0, 0.1), ("b", 1, 0.1), ("sweep/c", 0, 0.2)):
        run = make_run(root / name, tasks=4)
        run.path.rename(run.path.with_name("x"))
        (run.path.with_name("x")).rename(root / name / "run")
        write_json(root / name / "run" / "config.json", {"name": "demo", "seed": seed, "train": {"lr": lr, "steps": 9}})
    damaged = RunDir.create(root, "damaged", SyntheticConfig())
    damaged.config_json.write_text("{")
    nasty = RunDir.create(root, "nasty", SyntheticConfig())
    write_json(nasty.config_json, {"name": NASTY, "model": NASTY, NASTY: {NASTY: NASTY}, "memory": {"type": NASTY}})
    with MetricsWriter(nasty.metrics) as writer:
        writer.write(1, {f"evaluation/{NASTY}": 1.0, "reward/mean": 0.5, "=cmd|' /C calc'!A0": 2.0, NASTY: NASTY})
    nasty.path.rename(root / NASTY.replace("/", "_"))
    return root


@pytest.fixture(scope="module")
def library(folder: Path) -> Library:
    found = Library(folder)
    found.index.runs()
    return found


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with running(lambda: make_library_app(Library(folder))) as address:
        yield address


def test_runs_are_listed_with_what_a_reader_looks_for(library: Library) -> None:
    text = Page(library.runs({})).text
    for word in ("a/run", "b/run", "sweep/c/run", "finished", "damaged", "builtin:tiny", "config.json is not JSON"):
        assert word in text
    assert "3 runs of these settings" not in text
    assert text.count("2 runs of these settings") == 2  # seeds 0 and 1 of the same


def test_runs_are_filtered_and_sorted(library: Library) -> None:
    def names(**query: str) -> list[str]:
        return [unescape(n) for n in re.findall(r'name="run" value="([^"]*)"', library.runs(query))]

    assert set(names(status="damaged")) == {"damaged"}
    assert set(names(q="SWEEP run")) == {"sweep/c/run"}
    assert names(order="name", model="builtin:tiny") == ["a/run", "b/run", "sweep/c/run"]
    assert len(names(order="score")) == 5
    assert "No run fits" in library.runs({"q": "nobody"})
    for bad in ({"status": "x"}, {"order": "x"}, {"page": "-1"}):
        with pytest.raises(DataError):
            library.runs(bad)


def test_seeds_of_one_setting_are_one_line_with_a_band(library: Library) -> None:
    html = library.compare([("run", "a/run"), ("run", "b/run"), ("run", "sweep/c/run")])
    page = Page(html)
    assert page.open == []
    assert "train.lr" in page.text
    assert "Settings that differ" in page.text
    marks = re.findall(r'<tr><th scope="row">([A-Z])</th>', html)
    assert marks == ["A", "A", "B"]
    assert "2 seeds" in page.text


def test_two_runs_are_compared_task_by_task(library: Library) -> None:
    text = Page(library.compare([("run", "a/run"), ("run", "sweep/c/run")])).text
    assert "What changed from A to B" in text
    assert "task by task: parallel 4" in text


def test_a_comparison_needs_two_runs_that_are_there(library: Library) -> None:
    for wanted in ([], ["a/run"], ["a/run", "a/run"], ["a/run", "../a"], ["a/run"] + [f"x{k}" for k in range(12)]):
        with pytest.raises(DataError):
            library.compare([("run", name) for name in wanted])
    assert "config.json is not JSON" in library.compare([("run", "a/run"), ("run", "damaged")])


def test_every_page_of_every_run_is_there_and_none_breaks(server: str, folder: Path) -> None:
    nasty = quote(NASTY.replace("/", "_"))
    for run in ("a/run", "sweep/c/run", "damaged", nasty):
        for page in PAGES:
            status, _, html = ask(server, f"/r/{run}/{page}")
            assert status == 200, (run, page)
            found = Page(html)
            assert found.open == []
            assert found.handlers == []
            assert found.tags.count("script") == 1  # ours
            assert not {"img", "iframe", "style"} & set(found.tags)
    assert ask(server, "/pulse")[0] == 200
    assert ask(server, "/r/a/run/pulse")[2] == "156"  # two evaluations of (6 horizons x 4 tasks + 2 sessions) x 3


def test_hostile_names_and_settings_are_texts(server: str) -> None:
    nasty = NASTY.replace("/", "_")
    _, _, html = ask(server, f"/r/{quote(nasty)}/configuration")
    assert "&lt;script&gt;document.title=&#39;stolen&#39;" in html
    listed = ask(server, "/")[2]
    assert "<script>document" not in listed
    assert "&lt;img src=x" in listed
    compared = ask(server, f"/runs?run={quote(nasty, safe='')}&run=a%2Frun")
    assert compared[0] == 200
    assert "<script>document" not in compared[2]


def test_names_in_addresses_are_looked_up_and_never_paths(server: str, folder: Path) -> None:
    RunDir.create(folder.parent, "outside", SyntheticConfig())
    for name in ("../outside", "%2e%2e/outside", "..%2Foutside", "a", "", ".", "a/run/..", "nobody", "%00", "%ff"):
        assert ask(server, f"/r/{name}/configuration")[0] == 404, name
    for name in ("../config.json", "/etc/passwd", "checkpoints", "", "config.json/", ".lock", "%00"):
        assert ask(server, f"/r/a/run/file?name={name}")[0] == 404, name


def test_files_are_taken_as_they_lie_there(server: str, folder: Path) -> None:
    status, headers, body = ask(server, "/r/a/run/file?name=config.json")
    assert (status, body) == (200, (folder / "a/run/config.json").read_text())
    assert headers["content-disposition"].startswith("attachment")
    assert headers["content-type"] == "application/octet-stream"
    status, headers, body = ask(server, "/r/a/run/file?name=evaluation/trained.json")
    assert json.loads(body)["plan"]["label"] == "trained"


def test_a_link_that_came_later_is_not_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "runs", trained=False, tasks=2)
    with running(lambda: make_library_app(Library(tmp_path / "runs"))) as server:
        assert ask(server, "/r/synthetic/")[0] == 200
        (run.path / "report.md").symlink_to("/etc/passwd")
        status, _, html = ask(server, "/r/synthetic/file?name=report.md")
        assert status == 422
        assert "root:" not in html


def test_an_episode_is_taken_as_json(server: str) -> None:
    query = "file=trained&id=trained/state/parallel-2/parallel-2-0"
    status, headers, body = ask(server, f"/r/a/run/episode.json?{query}")
    assert (status, headers["content-type"]) == (200, "application/json")
    assert json.loads(body)["id"] == "trained/state/parallel-2/parallel-2-0"
    assert ask(server, "/r/a/run/episode.json?file=trained&id=x")[0] == 404


def test_metrics_are_taken_as_a_table_without_formulas() -> None:
    rows = ({"step": 1, "=a": 2.0, "b": [1.0, None]}, {"step": 2, "b": "=SUM(A1)"})
    assert as_csv(rows) == "step,'=a,b\n1,2.0,\"[1.0, null]\"\n2,,'=SUM(A1)\n"


def test_a_configuration_is_told_in_dotted_names() -> None:
    assert list(as_texts({"a": {"b": 1, "c": []}, "d": "x", "e": {}})) == [
        ("a.b", "1"), ("a.c", "[]"), ("d", "x"), ("e", "{}"),
    ]  # fmt: skip


def test_episodes_of_two_runs_stand_side_by_side(server: str) -> None:
    place = "file=trained&id=trained/state/parallel-2/parallel-2-0"
    other = "run2=sweep/c/run&file2=trained&id2=trained/state/parallel-2/parallel-2-0"
    status, _, html = ask(server, f"/r/a/run/compare?{place}&{other}")
    assert status == 200
    text = Page(html).text
    assert "state, a/run" in text
    assert "state, sweep/c/run" in text
    assert ask(server, f"/r/a/run/compare?{place}&{other.replace('sweep', 'nobody')}")[0] == 404


def test_two_episodes_of_one_strategy_are_told_apart(tmp_path: Path) -> None:
    viewer, episode = played(tmp_path)
    later = tuple(turn.model_copy(update={"policy_version": 7}) for turn in episode.turns)
    with EpisodeWriter(viewer.run.episodes("train")) as writer:
        writer.write(episode.model_copy(update={"id": "member", "seed": 5}))
        writer.write(episode.model_copy(update={"id": "later", "turns": later}))
    first = {"file": "train", "id": "s", "file2": "train"}
    assert "<h1>state, seed 0 <span" in viewer.compare(first | {"id2": "member"})
    assert "<h1>state, policy version 0 <span" in viewer.compare(first | {"id2": "later"})
    assert "<h1>state <span" in viewer.compare(first | {"id2": "f"})


def test_groups_are_folded_under_their_means(tmp_path: Path) -> None:
    viewer, episode = played(tmp_path)
    with EpisodeWriter(viewer.run.episodes("train")) as writer:
        for k, reward in enumerate((0.0, 1.0)):
            writer.write(episode.model_copy(update={"id": f"m{k}", "group_id": "g", "reward": reward}))
    html = viewer.index({"fold": "group"})
    assert html.count('<details class="group"') == 2  # the two of before share theirs
    assert "reward 0.5" in html
    assert "2 episodes" in Page(html).text
    assert viewer.index({"group": "g"}).count('<td class="name">') == 2


def test_the_list_shows_what_was_said_and_what_was_wanted(tmp_path: Path) -> None:
    viewer, episode = played(tmp_path)
    text = Page(viewer.index({})).text
    assert episode.task.objectives[0].answers[0] in text
    assert "wanted" in text or "✓" in text


def test_an_index_that_does_not_say_what_was_answered_is_read_from_the_episodes(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path)
    index = viewer.run.path / "episodes" / "train.index.jsonl"
    before = Page(viewer.index({})).text
    lines = [json.loads(line) for line in index.read_text().splitlines()]
    index.write_text("".join(json.dumps({k: v for k, v in one.items() if k != "said"}) + "\n" for one in lines))
    again = type(viewer)(viewer.run)
    assert Page(again.index({})).text == before


def test_what_was_held_and_forgotten_is_drawn_turn_by_turn(tmp_path: Path) -> None:
    viewer, _ = played(tmp_path)
    html = viewer.facts({"file": "train", "id": "s"})
    assert html.count('class="due"') == len(re.findall(r'class="fate ', html)) >= 1
    assert "data:image/svg+xml" in html
    without, _ = played(tmp_path / "b", spelled=False)
    with pytest.raises(DataError, match="no vocabulary"):
        without.facts({"file": "train", "id": "s"})
    assert "What was held, forgotten" in viewer.episode({"file": "train", "id": "s"})
    assert "What was held, forgotten" not in without.episode({"file": "train", "id": "s"})


def test_a_page_is_drawn_anew_when_the_run_changed(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks=2)
    library = Library(tmp_path)
    pages = library.open("synthetic").pages
    before, pulse = pages.metrics({}), pages.pulse()
    assert pages.metrics({}) is before
    with MetricsWriter(run.metrics) as writer:
        writer.write(999, {"reward/mean": 1.0})
    assert pages.pulse() != pulse
    assert "999 steps" in pages.metrics({})


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no run in"):
        app_of(tmp_path)
    with pytest.raises(StorageError, match="no such run"):
        app_of(tmp_path / "nothing")


def test_hostile_episodes_do_nothing_in_folded_lists(tmp_path: Path) -> None:
    run = make_run(tmp_path, trained=False, tasks=2)
    html = Library(tmp_path).open(run.path.name).viewer.index({"fold": "group", "outcome": "failed"})
    assert HOSTILE[:20] not in html
    assert Page(html).open == []


def test_what_a_run_was_asked_of_others_and_trained_with_can_be_taken_away(tmp_path: Path) -> None:
    run = make_run(tmp_path, evaluated=False)
    for path in (run.web, run.verl, run.demonstrations):
        path.write_text("{}")
    names = [one.name for one in downloads(run)]
    assert {"web.json", "verl.yaml", "demonstrations.json", "versions.json", "seeds.json"} <= set(names)


def test_the_pulse_of_a_list_beats_when_a_run_is_written_or_taken_up(tmp_path: Path) -> None:
    run, library = make_run(tmp_path, evaluated=False), Library(tmp_path)
    first = library.pulse()
    assert library.pulse() == first
    with locked(run.path):
        taken = library.pulse()
        assert taken != first
        assert library.pulse() == taken
    assert library.pulse() != taken
    run.write_evaluation("x", make_run(tmp_path / "other").read_evaluation("trained", Evaluation))
    assert library.pulse() not in (first, taken)
