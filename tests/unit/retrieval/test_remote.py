"""The client against a real server on loopback: what it sends, what it takes, and how it fails."""

from __future__ import annotations

import asyncio
import math
import traceback
from itertools import count
from typing import Any

import pytest

from mem1.config import build
from mem1.errors import BackendError, ConfigError
from mem1.http.errors import BadAnswerError, DeniedError, UnreachableError
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.remote import RemoteRetriever
from mem1.retrieval.remote_config import RemoteConfig
from tests.unit.http.fakes import noting
from tests.unit.retrieval.fakes import Respond, service


def echo(body: dict[str, Any]) -> tuple[int, Any]:
    """Each query finds ``topk`` passages that bear its name, as Search-R1's server sends them."""
    return 200, {
        "result": [
            [
                {
                    "document": {"id": f"{query}{i}", "contents": f'"{query}"\ntext {i}', "url": "u"},
                    "score": 1 / (i + 1),
                }
                for i in range(body["topk"])
            ]
            for query in body["queries"]
        ]
    }


FOUND = {"id": "1", "contents": "x"}


def search(url: str, *queries: str, top_k: int = 2, **settings: Any) -> list[list[Hit]]:
    client = RemoteRetriever(url, **({"sleep": noting([])} | settings))
    try:
        return asyncio.run(client.search(queries, top_k))
    finally:
        client.close()


def test_what_is_sent_and_what_comes_back() -> None:
    with service(echo) as (url, received):
        found = search(url, "a", "b")
    assert received == [{"path": "/retrieve", "queries": ["a", "b"], "topk": 2, "return_scores": True}]
    assert [[hit.passage.id for hit in hits] for hits in found] == [["a0", "a1"], ["b0", "b1"]]
    assert found[0][1] == Hit(passage=Passage(id="a1", title="a", text="text 1", extra={"url": "u"}), score=0.5)


@pytest.mark.parametrize("end", ["", "/", "/retrieve"])
def test_the_address_may_name_the_path(end: str) -> None:
    with service(echo) as (url, received):
        search(url + end, "a")
    assert received[0]["path"] == "/retrieve"


def test_concurrent_searches_are_one_request() -> None:
    async def main(client: RemoteRetriever) -> list[list[list[Hit]]]:
        return await asyncio.gather(*(client.search([name], 1) for name in "abcd"))

    with service(echo) as (url, received):
        client = RemoteRetriever(url, batch=3, wait=0.05)
        for _ in range(2):  # one event loop after the other
            found = asyncio.run(main(client))
            assert [hits[0][0].passage.id for hits in found] == ["a0", "b0", "c0", "d0"]
        client.close()
    assert sorted(len(body["queries"]) for body in received) == [1, 1, 3, 3]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_passing_failures_are_tried_again(status: int) -> None:
    tries = count()

    def busy_twice(body: dict[str, Any]) -> tuple[int, Any]:
        return (status, b"busy") if next(tries) < 2 else echo(body)

    with service(busy_twice) as (url, received):
        assert search(url, "a", attempts=3)[0][0].passage.id == "a0"
        assert len(received) == 3


def test_pauses_grow_and_heed_what_the_service_asks_for() -> None:
    slept: list[float] = []
    with service(lambda body: (503, b"busy")) as (url, _), pytest.raises(BackendError):
        search(url, "a", attempts=3, sleep=noting(slept))
    assert 0.125 <= slept[0] <= 0.25
    assert 0.25 <= slept[1] <= 0.5
    slept.clear()
    with service(lambda body: (503, b"busy"), {"Retry-After": "3"}) as (url, _), pytest.raises(BackendError):
        search(url, "a", attempts=2, sleep=noting(slept))
    assert 3.0 <= slept[0] <= 3.75


def test_a_failure_that_stays() -> None:
    with service(lambda body: (503, b"busy")) as (url, received):
        with pytest.raises(BackendError, match=r"the search service answered 503: busy \(after 2 retries\)") as caught:
            search(url, "a", attempts=3)
        assert len(received) == 3
    assert caught.value.where == f"{url}/retrieve"
    with pytest.raises(BackendError, match=r"the search service: the connection failed: ConnectError.*after 1 retries"):
        search(url, "a", attempts=2)  # nobody listens there any more


@pytest.mark.parametrize(
    ("respond", "message"),
    [
        (lambda body: (422, b"queries: too many"), "422: queries: too many"),
        (lambda body: (200, {"detail": "x"}), "not the answer expected"),
        (lambda body: (200, {"result": [[]]}), "1 results for 2 queries"),
        (lambda body: (200, {"result": [[{"document": {"title": "x"}, "score": 1}], []]}), "not the answer expected"),
        (lambda body: (200, {"result": [[{"id": "1", "contents": "x"}], []]}), "not the answer expected"),
        (
            lambda body: (200, {"result": [[{"document": {"id": "1", "contents": 5}, "score": 1}], []]}),
            "not the answer",
        ),
        (lambda body: (200, {"result": None}), "not the answer expected"),
        (lambda body: (200, {"result": [None, None]}), "not the answer expected"),
        (lambda body: (200, [1, 2]), "not the answer expected"),
        (lambda body: (200, {"result": [[{"document": FOUND, "score": math.nan}], []]}), "a score of nan"),
        (lambda body: (200, {"result": [[{"document": FOUND, "score": "inf"}], []]}), "a score of inf"),
        (lambda body: (200, {"result": [[{"document": FOUND, "score": 10**400}], []]}), "not the answer expected"),
    ],
)
def test_other_answers_are_not_tried_again(respond: Respond, message: str) -> None:
    with service(respond) as (url, received):
        with pytest.raises(BackendError, match=message):
            search(url, "a", "b")
        assert len(received) == 1


def test_a_server_that_sends_too_many_is_cut_short() -> None:
    with service(lambda body: echo({**body, "topk": 9})) as (url, _):
        assert len(search(url, "a", top_k=2)[0]) == 2


def test_the_config_makes_the_client() -> None:
    with service(echo) as (url, _):
        client = build(RemoteConfig, {"url": url, "attempts": 1}, where="test").build()
        assert asyncio.run(client.search(["a"], 1))[0][0].passage.id == "a0"
        client.close()
    with pytest.raises(ConfigError, match="url"):
        build(RemoteConfig, {"url": "localhost:8000"}, where="test")


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"", b"[" * 100_000, b'{"result": ' + b"[" * 5000 + b"]" * 5000 + b"}", b"\xff\xfe", b"null null"],
    ids=["a page", "nothing", "open brackets", "deep", "no UTF-8", "two values"],
)
def test_what_is_no_json_is_a_typed_error(body: bytes) -> None:
    with service(lambda request: (200, body)) as (url, received):
        with pytest.raises(BadAnswerError, match="the answer is no "):
            search(url, "a", attempts=2)
        assert len(received) == 2


def test_a_dead_service_is_called_dead_after_a_few_searches() -> None:
    with service(echo) as (url, _):
        pass

    async def main(client: RemoteRetriever) -> list[BackendError]:
        errors: list[BackendError] = []
        for _ in range(5):
            with pytest.raises(UnreachableError, match="the search service") as caught:
                await client.search(["a"], 1)
            errors.append(caught.value)
        return errors

    slept: list[float] = []
    client = RemoteRetriever(url, attempts=2, wait=0, sleep=noting(slept))
    assert [error.ends_run for error in asyncio.run(main(client))] == [False, False, True, True, True]
    assert len(slept) == 3, "one pause for each of three searches; the others are not made"
    with pytest.raises(UnreachableError) as caught:
        asyncio.run(RemoteRetriever(url, attempts=1).check())
    assert caught.value.ends_run


def test_the_key_of_a_service_is_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "search-key-0123456789abcdef"
    monkeypatch.setenv("SEARCH_KEY", key)
    with (
        service(lambda body: (401, f"who is {key}?".encode())) as (url, _),
        pytest.raises(DeniedError, match=r"401: who is \[key\]\?") as caught,
    ):
        search(url, "a", key_env="SEARCH_KEY")
    assert caught.value.ends_run
    assert key not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://user:word@host"},
        {"url": "http://host/?key=abc"},
        {"url": "ftp://host"},
        {"url": "http://host:notaport"},
        {"url": "http://host", "key_env": "sk-0123456789"},
    ],
)
def test_an_address_is_no_place_for_a_key(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"retriever|address|variable"):
        build(RemoteConfig, settings, where="retriever")
