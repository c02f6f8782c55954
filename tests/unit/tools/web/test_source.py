"""The open web as tools of a session."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.agent_options import _SEARCH
from mem1.errors import ConfigError
from mem1.http.errors import DeniedError, QuotaError
from mem1.tools.base import ToolResult
from mem1.tools.build import build_toolbox
from mem1.tools.config import ToolsConfig
from mem1.tools.web.doubles.search import KEY, Row, SearchDouble, search_double
from mem1.tools.web.doubles.site import SiteDouble, page, site_double
from mem1.tools.web.search.config import BraveConfig, SerperConfig, TavilyConfig


@pytest.fixture
def site() -> Iterator[SiteDouble]:
    with site_double() as found:
        text = "".join(f"<p>Paragraph {n} of the page tells of Lima.</p>" for n in range(100))
        found.pages["/peru"] = page(f"<html><title>Peru</title><body>{text}</body></html>".encode())
        yield found


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchDouble]:
    monkeypatch.setenv("SERPER_API_KEY", KEY)
    rows = [Row("Peru", "https://a.example/peru", "The capital is Lima.", "2024")]
    with search_double(lambda query, k: [] if query == "nothing" else rows[:k]) as found:
        yield found


def settings(double: SearchDouble, site: SiteDouble | None = None, **web: Any) -> ToolsConfig:
    search = {"type": "serper", "base_url": double.url, "retries": 0}
    pages = {"allow": [site.place] if site else [], "retries": 0, "readers": 1, "reading": 20.0}
    return ToolsConfig.model_validate({"web": {"search": search, "pages": pages, **web}})


def use(
    config: ToolsConfig, *calls: tuple[str, dict[str, Any]], kept: Path | None = None, largest: int | None = None
) -> list[ToolResult]:
    async def run() -> list[ToolResult]:
        async with build_toolbox(config, indexes=kept, largest=largest) as box:
            return [await box.call(name, arguments) for name, arguments in calls]

    return asyncio.run(run())


def test_results_of_a_search_come_with_their_addresses_and_none_is_no_failure(double: SearchDouble) -> None:
    found, nothing = use(settings(double), ("search", {"query": "Peru"}), ("search", {"query": "nothing"}))
    assert found == ToolResult("1. Peru (2024)\nhttps://a.example/peru\nThe capital is Lima.", "web search 'Peru'")
    assert nothing == ToolResult("Nothing was found.", "web search 'nothing'")


def test_a_page_is_given_whole_under_its_address_or_from_a_place_on(double: SearchDouble, site: SiteDouble) -> None:
    url = site.url("/peru")
    whole, onward = use(settings(double, site), ("open", {"url": url}), ("open", {"url": f"{url}#3000"}))
    assert whole.source == url
    assert whole.text.startswith("Peru\n")
    assert "Paragraph 99" in whole.text
    assert onward.source == f"{url}#3000"
    assert whole.text.endswith(onward.text.removeprefix("Peru\n"))


def test_a_page_is_cut_where_only_so_much_is_given_and_says_where_it_goes_on(
    double: SearchDouble, site: SiteDouble
) -> None:
    url = site.url("/peru")
    (cut,) = use(settings(double, site), ("open", {"url": url}), largest=500)
    assert cut.text.endswith(f"\n(it goes on at {url}#500)")
    assert len(cut.text) < 600


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "file:///etc/passwd", "http://[::ffff:169.254.169.254]/"])
def test_an_address_that_is_not_public_is_a_failure_in_words_of_ours(double: SearchDouble, url: str) -> None:
    (refused,) = use(settings(double), ("open", {"url": url}))
    assert refused.failed
    assert refused.text.startswith("the page was not opened (address)")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((403, {}, b'{"message": "Unauthorized."}'), DeniedError),
        ((400, {}, b'{"message": "Not enough credits"}'), QuotaError),
    ],
)
def test_a_key_that_is_refused_and_a_plan_that_is_spent_end_the_work(
    double: SearchDouble, answer: Any, kind: type[Exception]
) -> None:
    double.answers.append(answer)
    with pytest.raises(kind):
        use(settings(double), ("search", {"query": "Peru"}))


def test_a_service_that_fails_is_told_as_a_failure_and_never_as_nothing_found(double: SearchDouble) -> None:
    double.answers.append((500, {}, b"down"))
    (failed,) = use(settings(double), ("search", {"query": "Peru"}))
    assert (failed.failed, failed.text) == (
        True,
        "the search failed (service): serper did not answer (UnavailableError)",
    )


def test_what_was_found_in_a_session_is_not_asked_for_again(double: SearchDouble, tmp_path: Path) -> None:
    for _ in range(2):
        use(settings(double), ("search", {"query": "Peru"}), kept=tmp_path)
    assert len(double.asked) == 1
    assert (tmp_path / "web.sqlite").is_file()
    use(settings(double, cache={"mode": "off"}), ("search", {"query": "Peru"}), kept=tmp_path)
    assert len(double.asked) == 2


def test_a_missing_key_is_told_before_anything_begins(double: SearchDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERPER_API_KEY")
    with pytest.raises(ConfigError, match="SERPER_API_KEY is not set"):
        build_toolbox(settings(double))


def test_packages_that_are_missing_are_told_before_anything_begins(
    double: SearchDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "trafilatura" else object())
    with pytest.raises(ConfigError, match="reading pages needs trafilatura") as caught:
        build_toolbox(settings(double))
    assert caught.value.where == "tools.web.pages"
    build_toolbox(settings(double, open=False))


def test_the_command_knows_the_variables_of_the_services() -> None:
    services = (SerperConfig(), BraveConfig(), TavilyConfig())
    assert {one.type: one.key_env for one in services} == _SEARCH
