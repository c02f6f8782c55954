"""The viewer in a real browser, over a run that is still written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem1.report.viewer.app import make_app
from mem1.report.viewer.pages import Viewer
from mem1.serving.background import running
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from tests.e2e.browser import chromium, needs_browser
from tests.e2e.test_viewer_browser import nasty_episode
from tests.unit.report.synthetic import SyntheticConfig

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.mark.slow
def test_new_episodes_are_announced(browser: Any, tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "growing", SyntheticConfig())
    with running(lambda: make_app(Viewer(run))) as address:
        context = browser.new_context()
        page = context.new_page()
        page.goto(address)
        assert "no episodes yet" in page.inner_text("main")
        with EpisodeWriter(run.episodes("train")) as writer:
            writer.write(nasty_episode(1))
            writer.write(nasty_episode(2))
        page.evaluate("pulse()")
        page.wait_for_selector("#fresh:not([hidden])")
        assert page.inner_text("#fresh") == "2 new: load them"
        page.click("#fresh")
        page.wait_for_selector(".list tbody tr")
        context.close()
