"""The report in a real browser: it renders, and nothing in it runs."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from mem1.report.build import build_report
from tests.e2e.browser import chromium
from tests.unit.report.beside.runs import parallel_run
from tests.unit.report.synthetic import make_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--hide-scrollbars",
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


def browse(profile: Path, *arguments: str) -> str:
    """Run the browser once and return what it printed."""
    assert CHROMIUM is not None
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    run = make_run(tmp_path_factory.mktemp("runs"), tasks=4)
    return build_report(run.path).html.as_uri()


def test_no_script_of_an_observation_runs(page: str, tmp_path: Path) -> None:
    dom = browse(tmp_path, "--dump-dom", page)
    assert "<title>synthetic: mem1 report</title>" in dom
    assert "document.title='stolen'" in dom  # it is there, as text
    assert "<script" not in dom
    assert "<img" not in dom


@pytest.mark.parametrize("width", [1280, 390])
def test_it_renders_at_both_widths(page: str, tmp_path: Path, width: int) -> None:
    picture = tmp_path / "page.png"
    browse(tmp_path / "profile", f"--window-size={width},2000", f"--screenshot={picture}", page)
    data = picture.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", data[16:24]) == (width, 2000)
    assert len(data) > 20_000  # an empty page compresses to far less


def test_on_a_telephone_a_wide_figure_scrolls_and_the_page_does_not(tmp_path: Path) -> None:
    address = build_report(parallel_run(tmp_path).path).html.as_uri()
    with chromium() as browser:
        shown = browser.new_page(viewport={"width": 390, "height": 800})
        shown.goto(address)
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        figure = "document.querySelector('figure.wide .scroll')"
        assert shown.evaluate(f"{figure}.scrollWidth > {figure}.clientWidth")
        name = shown.evaluate(
            "[...document.querySelectorAll('figure.wide text.name')].map(t => t.getBoundingClientRect().height)"
        )
        assert min(name) > 9  # pixels: it can be read
