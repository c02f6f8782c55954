"""The search providers, against a double that speaks as they do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mem1.errors import ConfigError
from mem1.http.errors import (
    BadAnswerError,
    DeniedError,
    HttpError,
    QuotaError,
    RateLimitError,
    UnavailableError,
    UnreachableError,
)
from mem1.tools.web.doubles.search import KEY, Row, SearchDouble, search_double
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import Pace, QueryRefusedError, SearchProvider
from mem1.tools.web.search.config import SearchConfig
from tests.unit.http.fakes import noting

ROWS = [
    Row(f"Title {i}", f"https://example.com/{i}", f"Snippet {i}", "2 days ago" if i == 1 else None) for i in range(25)
]
KEYED = ("serper", "brave", "tavily")
SERVICES = (*KEYED, "searxng")
CONFIG: TypeAdapter[Any] = TypeAdapter(SearchConfig)


def find(query: str, k: int) -> Sequence[Row]:
    return [] if query == "nothing" else ROWS[:k]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchDouble]:
    for service in KEYED:
        monkeypatch.setenv(f"{service.upper()}_API_KEY", KEY)
    with search_double(find) as found:
        yield found


def provider(
    service: str,
    double: SearchDouble,
    pauses: list[float] | None = None,
    *,
    section: str = "env.search",
    **settings: Any,
) -> SearchProvider:
    config = CONFIG.validate_python({"type": service, "base_url": double.url, "rate": None, "retries": 1, **settings})
    built = config.build(section=section, sleep=noting(pauses if pauses is not None else []))
    assert isinstance(built, SearchProvider)
    return built


def search(found: SearchProvider, query: str = "Peru", k: int = 3) -> list[SearchResult]:
    async def go() -> list[SearchResult]:
        try:
            return await found.search(query, k)
        finally:
            await found.close()

    return asyncio.run(go())


def error(service: str, double: SearchDouble, status: int, body: Any = None, **headers: str) -> HttpError:
    """What an answer with ``status`` becomes, given as often as it is asked for."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    double.answers[:] = [(status, headers, content)] * 4
    with pytest.raises(HttpError) as caught:
        search(provider(service, double))
    assert KEY not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("service", SERVICES)
def test_results_are_the_same_whoever_gives_them(service: str, double: SearchDouble) -> None:
    found = search(provider(service, double))
    assert found == [
        SearchResult(
            title=f"Title {i}",
            url=f"https://example.com/{i}",
            snippet=f"Snippet {i}",
            date="2 days ago" if i == 1 else None,
            rank=i + 1,
            provider=service,
        )
        for i in range(3)
    ]
    assert double.asked == [(service, "Peru")]


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_found_is_an_empty_list(service: str, double: SearchDouble) -> None:
    assert search(provider(service, double), "nothing") == []


@pytest.mark.parametrize("service", KEYED)
def test_without_a_key_nobody_is_asked(service: str, double: SearchDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(f"{service.upper()}_API_KEY")
    with pytest.raises(ConfigError, match=f"{service.upper()}_API_KEY is not set"):
        provider(service, double)
    assert double.asked == []


@pytest.mark.parametrize("service", KEYED)
def test_a_wrong_key_ends_the_run_at_once(service: str, double: SearchDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{service.upper()}_API_KEY", "wrong-key-0123456789")
    with pytest.raises(DeniedError) as caught:
        search(provider(service, double))
    assert caught.value.ends_run
    assert "wrong-key" not in str(caught.value)
    assert len(double.asked) == 1


@pytest.mark.parametrize(
    ("service", "status", "body", "headers"),
    [
        ("serper", 400, {"message": "Not enough credits", "statusCode": 400}, {}),
        ("brave", 402, {"type": "ErrorResponse"}, {}),
        ("brave", 429, {}, {"X_RateLimit_Remaining": "1, 0", "X_RateLimit_Reset": "1, 1419704"}),
        ("tavily", 432, {"detail": {"error": "plan limit"}}, {}),
        ("tavily", 433, {"detail": {"error": "pay-as-you-go limit"}}, {}),
    ],
)
def test_a_plan_that_is_used_up_ends_the_run_at_once_even_of_a_service_that_served_us(
    service: str, status: int, body: Any, headers: Mapping[str, str], double: SearchDouble
) -> None:
    found = provider(service, double)

    async def go() -> None:
        assert await found.search("Peru", 1)
        double.answers.append((status, headers, json.dumps(body).encode()))
        with pytest.raises(QuotaError) as caught:
            await found.search("Chad", 1)
        assert caught.value.ends_run
        asked = len(double.asked)
        with pytest.raises(QuotaError):
            await found.search("Mali", 1)
        assert len(double.asked) == asked == 2
        await found.close()

    asyncio.run(go())


@pytest.mark.parametrize(
    ("service", "status", "body"),
    [
        ("serper", 400, {"message": "Query is too long"}),
        ("brave", 422, {"error": {"code": "VALIDATION"}}),
        ("brave", 422, {"errors": [{"code": "VALIDATION"}]}),
        ("tavily", 400, {"detail": {"error": "Query is too short"}}),
        ("tavily", 422, {"detail": [{"msg": "Field required"}]}),
    ],
)
def test_a_query_that_is_refused_is_the_query_s_fault_and_never_ends_a_run(
    service: str, status: int, body: Any, double: SearchDouble
) -> None:
    for _ in range(3):
        found = error(service, double, status, body)
        assert isinstance(found, QueryRefusedError)
        assert not found.ends_run


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_service_that_fails_is_asked_again_and_then_given_up(service: str, status: int, double: SearchDouble) -> None:
    found = error(service, double, status, b"<html>down</html>")
    assert isinstance(found, UnavailableError)
    assert len(double.asked) == 2
    double.answers[:] = [(status, {}, b"")]
    assert len(search(provider(service, double))) == 3


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "body", [b"<html>hello</html>", b"{}", b"[]", b'{"web": 1, "results": {}, "organic": null}', b"\xff"]
)
def test_an_answer_that_holds_no_results_is_a_failure_and_no_empty_result(
    service: str, body: bytes, double: SearchDouble
) -> None:
    if service == "brave" and body == b"{}":
        return  # an empty answer of Brave's
    double.answers[:] = [(200, {}, body)] * 4
    with pytest.raises(BadAnswerError):
        search(provider(service, double))


def test_an_empty_answer_of_brave_s_is_an_empty_result(double: SearchDouble) -> None:
    double.answers[:] = [(200, {}, b'{"type": "search"}')]
    assert search(provider("brave", double)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_rate_is_waited_for_as_long_as_is_asked(service: str, double: SearchDouble) -> None:
    pauses: list[float] = []
    headers = (
        {"X_RateLimit_Remaining": "0, 90", "X_RateLimit_Reset": "7, 1000"}
        if service == "brave"
        else {"Retry_After": "7"}
    )
    double.answers[:] = [(429, headers, b"Too many requests")]
    assert len(search(provider(service, double, pauses))) == 3
    assert len(pauses) == 1
    assert 7 <= pauses[0] < 9
    assert isinstance(error(service, double, 429, b"", **headers), RateLimitError)


def test_markup_and_entities_of_brave_are_taken_off(double: SearchDouble) -> None:
    row = {"title": "<strong>Peru</strong> &amp; Chile", "url": "https://a.example/", "description": "a &lt;b&gt;"}
    double.answers[:] = [(200, {}, json.dumps({"web": {"results": [row]}}).encode())]
    (found,) = search(provider("brave", double))
    assert (found.title, found.snippet) == ("Peru & Chile", "a <b>")


def test_what_brave_takes_at_most_is_kept_to(double: SearchDouble) -> None:
    assert len(search(provider("brave", double), " ".join(["word"] * 200), 25)) == 20
    assert double.sent[0]["q"] == " ".join(["word"] * 50)
    assert double.sent[0]["spellcheck"] == "0"


def test_searxng_is_asked_for_pages_until_there_are_enough(double: SearchDouble) -> None:
    found = search(provider("searxng", double), k=15)
    assert [one.rank for one in found] == list(range(1, 16))
    assert [sent["pageno"] for sent in double.sent] == ["1", "2"]


def test_engines_of_searxng_that_did_not_answer_are_a_failure(double: SearchDouble) -> None:
    body = {"results": [], "unresponsive_engines": [["google", "timeout"]]}
    double.answers[:] = [(200, {}, json.dumps(body).encode())] * 2
    with pytest.raises(UnavailableError, match="no engine answered"):
        search(provider("searxng", double))
    assert "JSON" in str(error("searxng", double, 403, b"<html>403</html>"))


def test_an_answer_box_of_serper_is_the_first_result(double: SearchDouble) -> None:
    box = {"answer": "Lima", "title": "Capital", "link": "https://a.example/"}
    body = {"answerBox": box, "organic": [{"title": "x", "link": "https://b.example/"}, {"title": "no link"}]}
    double.answers[:] = [(200, {}, json.dumps(body).encode())]
    found = search(provider("serper", double))
    assert [(one.rank, one.snippet, one.url) for one in found] == [
        (1, "Lima", "https://a.example/"),
        (2, "", "https://b.example/"),
    ]


def test_a_run_asks_no_more_often_than_it_may(double: SearchDouble) -> None:
    found = provider("serper", double, most_calls=2)

    async def go() -> None:
        await found.search("a", 1)
        await found.search("b", 1)
        with pytest.raises(QuotaError, match="most_calls") as caught:
            await found.search("c", 1)
        assert caught.value.ends_run
        await found.close()

    asyncio.run(go())
    assert len(double.asked) == 2


def test_a_service_that_is_not_there_ends_the_run_after_three_calls(double: SearchDouble) -> None:
    found = provider("serper", double, base_url="http://127.0.0.1:9", retries=0)

    async def go() -> list[bool]:
        ends = []
        for _ in range(3):
            with pytest.raises(UnreachableError) as caught:
                await found.search("a", 1)
            ends.append(caught.value.ends_run)
        await found.close()
        return ends

    assert asyncio.run(go()) == [False, False, True]


def test_calls_keep_their_pace() -> None:
    async def go() -> float:
        pace = Pace(50.0)
        began = time.monotonic()
        await asyncio.gather(*(pace.wait() for _ in range(6)))
        return time.monotonic() - began

    assert 0.09 < asyncio.run(go()) < 3.0  # five waits of 20 ms behind the first


@pytest.mark.parametrize("field", ["base_url", "key_env"])
def test_a_key_in_a_recipe_is_refused(field: str) -> None:
    value = {"base_url": "https://key@example.com", "key_env": "sk-0123456789"}[field]
    for service in SERVICES:
        with pytest.raises(ValueError, match="key"):
            CONFIG.validate_python({"type": service, field: value})


def test_everything_that_changes_results_is_among_the_parameters() -> None:
    one = CONFIG.validate_python({"type": "serper", "tbs": "qdr:w", "gl": "de"})
    assert one.parameters == {"gl": "de", "hl": "en", "tbs": "qdr:w"}
    assert CONFIG.validate_python({"type": "brave"}).parameters == {"safesearch": "moderate", "spellcheck": 0}
    assert CONFIG.validate_python({"type": "tavily"}).parameters == {"search_depth": "basic", "topic": "general"}
    assert CONFIG.validate_python({"type": "searxng"}).parameters == {"language": "en", "safesearch": 0}


def test_a_corpus_is_searched_and_its_documents_are_its_pages(tmp_path: Path) -> None:
    file = tmp_path / "corpus.jsonl"
    rows = [
        {"id": "1", "title": "Peru", "text": "The capital is Lima. " * 40, "url": "https://a.example/peru"},
        {"id": "two words", "title": "Chad", "text": "The capital is N'Djamena."},
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = CONFIG.validate_python({"type": "corpus", "corpus": str(file)}).build()
    results = asyncio.run(found.search("capital Lima Peru", 2))
    assert [(one.rank, one.url) for one in results] == [(1, "https://a.example/peru"), (2, "corpus:two%20words")]
    assert len(results[0].snippet) <= 504
    page = found.page("https://a.example/peru")
    assert page is not None
    assert page.text == "The capital is Lima. " * 40
    assert found.page("https://a.example/other") is None


def test_another_search_service_is_a_provider() -> None:
    from mem1.tools.web.doubles.server import send, served

    def respond(talk: Any, body: bytes) -> None:
        asked = json.loads(body)
        hit = {"document": {"id": "7", "contents": '"Peru"\nLima.'}, "score": 1.0}
        send(talk, 200, json.dumps({"result": [[hit]] * len(asked["queries"])}).encode())

    with served(respond) as port:
        found = CONFIG.validate_python({"type": "retrieve", "base_url": f"http://127.0.0.1:{port}"}).build(
            section="env.search"
        )
        (result,) = asyncio.run(found.search("capital of Peru", 3))
    assert (result.title, result.url, result.snippet, result.provider) == ("Peru", "corpus:7", "Lima.", "retrieve")


# ---------------------------------------------------------------- the keys that errors name


@pytest.mark.parametrize("section", ["env.search", "tools.web.search", "env.tools.web.search"])
@pytest.mark.parametrize(
    ("service", "status", "headers", "body", "key"),
    [
        ("serper", 401, {}, b"", "key_env"),
        ("brave", 403, {}, b"", "key_env"),
        ("tavily", 401, {}, b"", "key_env"),
        ("brave", 429, {"X_RateLimit_Remaining": "0, 9"}, b"", "rate"),
        ("searxng", 200, {}, b"{}", "base_url"),
        ("serper", 200, {}, b"{}", "base_url"),
        ("tavily", 200, {}, b"{}", "base_url"),
        ("brave", 200, {}, b'{"web": 1}', "base_url"),
    ],
)
def test_errors_name_the_keys_where_the_settings_stand(
    section: str, service: str, status: int, headers: Mapping[str, str], body: bytes, key: str, double: SearchDouble
) -> None:
    double.answers[:] = [(status, headers, body)] * 4
    with pytest.raises(HttpError) as caught:
        search(provider(service, double, section=section))
    assert f" {section}.{key}" in str(caught.value)


def test_a_missing_key_and_the_most_calls_are_named_where_they_stand(
    double: SearchDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = provider("serper", double, section="tools.web.search", most_calls=1)

    async def go() -> None:
        await found.search("a", 1)
        with pytest.raises(QuotaError, match=r"the most that tools\.web\.search\.most_calls allows"):
            await found.search("b", 1)
        await found.close()

    asyncio.run(go())
    monkeypatch.delenv("SERPER_API_KEY")
    with pytest.raises(ConfigError, match=r"tools\.web\.search\.key_env"):
        provider("serper", double, section="tools.web.search")


def test_a_search_service_of_ours_that_is_away_is_told_by_the_key_of_its_address() -> None:
    config = CONFIG.validate_python({"type": "retrieve", "base_url": "http://127.0.0.1:9"})
    found = config.build(section="tools.web.search", sleep=noting([]))
    with pytest.raises(UnreachableError, match=r"tools\.web\.search\.base_url"):
        asyncio.run(found.search("a", 1))
