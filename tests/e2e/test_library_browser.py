"""The pages of many runs and the report's tables in a real browser: hostile texts, widths, contrast, keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem1.report.build import build_report
from mem1.report.viewer.app import make_library_app
from mem1.report.viewer.library import Library
from mem1.serving.background import running
from mem1.storage.atomic import write_json
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir
from tests.e2e.browser import chromium, needs_browser
from tests.e2e.test_viewer_browser import CONTRAST, NAMELESS, NASTY, Watched, nasty_episode
from tests.unit.report.synthetic import SyntheticConfig, make_run

pytestmark = needs_browser

PAGES = (
    "/",
    "/runs?run=nasty&run=whole/synthetic",
    "/r/nasty/",
    "/r/nasty/?fold=group",
    "/r/nasty/results",
    "/r/nasty/metrics",
    "/r/nasty/configuration",
    "/r/whole/synthetic/results",
    "/r/whole/synthetic/metrics",
)
WIDE = """
() => [...document.querySelectorAll(".scroll")].filter((one) => one.checkVisibility())
  .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.ariaLabel + " " + one.scrollWidth)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("many")
    make_run(root / "whole", tasks=4)
    run = RunDir.create(root, "nasty", SyntheticConfig())
    write_json(run.config_json, {"name": NASTY[:900], "model": NASTY[:300], "seed": 1, NASTY[:200]: {"x": NASTY}})
    with EpisodeWriter(run.episodes("test")) as writer:
        for number in range(12):
            writer.write(nasty_episode(number))
    with MetricsWriter(run.metrics) as writer:
        writer.write(1, {f"evaluation/{NASTY[:400]}": 1.0, "reward/mean": 1.0})
    (root / "damaged").mkdir()
    (root / "damaged" / "versions.json").write_text("{")
    return root


@pytest.fixture(scope="module")
def base(folder: Path) -> Iterator[str]:
    with running(lambda: make_library_app(Library(folder))) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def shown(browser: Any, base: str, width: int, scheme: str = "light", **more: Any) -> tuple[Any, Watched]:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **more)
    return context, Watched(context.new_page(), base)


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 390])
def test_hostile_runs_do_nothing_on_any_page(browser: Any, base: str, width: int) -> None:
    context, watched = shown(browser, base, width)
    for path in PAGES:
        watched.open(path)
        watched.sound()
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_new_pages_have_contrast_and_named_controls(browser: Any, base: str, scheme: str) -> None:
    context, watched = shown(browser, base, 1440, scheme)
    for path in PAGES:
        watched.open(path)
        # What is said again in a line below is there for those who hear it only.
        assert watched.page.evaluate(CONTRAST.replace(".skip,", ".skip, .again,")) == [], path
        assert watched.page.evaluate(NAMELESS) == [], path
        assert watched.page.locator("h1").count() == 1
    context.close()


@pytest.mark.slow
def test_runs_are_marked_and_compared_by_keyboard_and_without_scripts(browser: Any, base: str) -> None:
    context, watched = shown(browser, base, 1440)
    watched.open("/?order=name")
    watched.press("j", "j", "x", "j", "x", "c")
    watched.page.wait_for_url("**/runs?*")
    assert watched.page.inner_text("h1") == "2 runs side by side"
    watched.press("Escape")
    watched.page.wait_for_url(base + "/")
    watched.sound()
    context.close()
    context, watched = shown(browser, base, 1440, java_script_enabled=False)
    watched.open("/?order=name")
    for name in ("nasty", "whole/synthetic"):
        watched.page.check(f'input[value="{name}"]')
    watched.page.click("#marked")
    assert watched.page.inner_text("h1") == "2 runs side by side"
    context.close()


@pytest.mark.slow
def test_no_table_is_wider_than_a_desk_and_a_phone_shows_answers_and_scores(browser: Any, folder: Path) -> None:
    report = build_report(folder / "whole" / "synthetic").html.as_uri()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(report)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(WIDE) == []
    context.close()
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(report)
    for place in ('.objectives td[data-h="Answer"]', '.objectives td[data-h="EM"]', '.cards td[data-h="EM before"]'):
        box = page.locator(place).first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate(WIDE) == [], "a line of a wide table is a card there"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/r/whole/synthetic/results", "/runs?run=nasty&run=whole/synthetic"])
def test_no_table_of_the_viewer_scrolls_sideways_on_a_phone(browser: Any, base: str, path: str) -> None:
    context, watched = shown(browser, base, 390)
    watched.open(path)
    watched.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert watched.page.evaluate(WIDE) == []
    watched.sound()
    context.close()


@pytest.mark.slow
def test_a_figure_is_taken_as_svg_csv_and_json(browser: Any, base: str) -> None:
    context, watched = shown(browser, base, 1440, accept_downloads=True)
    watched.open("/r/whole/synthetic/metrics")
    watched.page.locator("figure summary").first.click()
    for kind, begins in (("SVG", "<svg xmlns"), ("CSV", "line,step,"), ("JSON", "{")):
        with watched.page.expect_download() as taken:
            watched.page.locator(".take a", has_text=kind).first.click()
        assert Path(taken.value.path()).read_text().startswith(begins)
        assert taken.value.suggested_filename == f"learning-reward-mean.{kind.lower()}"
    context.close()
