"""The service as its clients see it, in this process: formats, refusals, and the clients of others."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from mem1.errors import BackendError
from mem1.retrieval.base import Hit, Passage, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.service.app import make_app
from mem1.retrieval.service.config import ServiceConfig
from mem1.retrieval.store.page_store import PageStore

PASSAGES = [
    Passage(id="0", title="Lima", text="Lima is the capital of Peru."),
    Passage(id="1", title="Cusco", text="Cusco was the capital of the Inca.\nIt lies high."),
    Passage(id="2", title="Quito", text="Quito is the capital of Ecuador."),
    Passage(id="3", title="Accra", text="Accra is the capital of Ghana."),
    Passage(id="4", title="Baku", text="Baku lies by the sea."),
]
LIMA = {"id": "0", "contents": '"Lima"\nLima is the capital of Peru.'}
Client = httpx.AsyncClient


def over(
    retriever: Retriever,
    work: Callable[[Client], Awaitable[Any]],
    pages: Path | None = None,
    **limits: Any,
) -> Any:
    """What ``work`` returns, given a client of a server over ``retriever``."""

    async def scenario() -> Any:
        open_pages = (lambda: PageStore(pages)) if pages is not None else None
        app = make_app(lambda: retriever, ServiceConfig(**limits), open_pages)
        transport = httpx.ASGITransport(app=app)
        async with app.router.lifespan_context(app), Client(transport=transport, base_url="http://localhost") as client:
            return await work(client)

    return asyncio.run(scenario())


def post(body: Any, path: str = "/retrieve", **limits: Any) -> httpx.Response:
    """The answer to one POST of ``body`` (bytes as they are, else as JSON)."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply: httpx.Response = over(Bm25Retriever(PASSAGES), lambda client: client.post(path, content=content), **limits)
    return reply


# ---------------------------------------------------------------- formats


def test_documents_alone() -> None:
    reply = post({"queries": ["peru"], "topk": 1})
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"result": [[LIMA]]}


def test_documents_with_scores() -> None:
    result = post({"queries": ["peru", "capital"], "topk": 2, "return_scores": True}).json()["result"]
    assert [[row["document"]["id"] for row in rows] for rows in result] == [["0"], ["0", "2"]]
    assert result[0][0]["document"] == LIMA
    assert result[1][0]["score"] >= result[1][1]["score"] > 0


@pytest.mark.parametrize(("asked", "given"), [({}, 3), ({"topk": None}, 3), ({"topk": 0}, 3), ({"topk": 4}, 4)])
def test_how_many_documents(asked: dict[str, Any], given: int) -> None:
    assert len(post({"queries": ["capital"], **asked}).json()["result"][0]) == given


def test_the_default_number_can_be_set() -> None:
    assert len(post({"queries": ["capital"]}, top_k=1).json()["result"][0]) == 1


def test_nothing_asked_and_nothing_found() -> None:
    assert post({"queries": []}).json() == {"result": []}
    assert post({"queries": ["", "xyzzy"], "return_scores": True}).json() == {"result": [[], []]}


def test_unknown_keys_are_passed_over() -> None:
    assert post({"queries": ["peru"], "topk": 1, "request_id": 7}).json() == {"result": [[LIMA]]}


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"queries",
        b"[]",
        b"{}",
        b'{"queries": "peru"}',
        b'{"queries": null}',
        b'{"queries": [1]}',
        b'{"queries": ["a"], "topk": -1}',
        b'{"queries": ["a"], "topk": 1.5}',
        b'{"queries": ["a"], "topk": "many"}',
        b'{"queries": ["a"], "topk": 101}',
        b'{"queries": ["a"], "topk": 123456789012345678901234567890}',
        b'{"queries": ["a"], "return_scores": "perhaps"}',
        b'{"queries": ["\\ud800"]}',
        b'{"queries": ["\xff\xfe"]}',
        b'{"queries": ["a"',
        b"[" * 100_000,
        b'{"queries": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"queries": ["a"], "query": "a"}',
        b'{"query": 7}',
        b'{"queries": [' + b",".join([b'"a"'] * 16_385) + b"]}",
    ],
    ids=range(21),
)
def test_malformed_bodies_are_refused_with_the_reason(body: bytes) -> None:
    reply = post(body)
    assert reply.status_code == 422
    assert reply.json()["detail"]


def test_a_body_above_the_limit_is_refused() -> None:
    reply = post({"queries": ["a" * 2000]}, max_body=1000)
    assert reply.status_code == 413
    assert reply.json() == {"detail": "a request may have 1000 bytes: send fewer queries at a time"}
    assert reply.headers["connection"] == "close"


def test_a_body_above_the_limit_that_does_not_say_so_is_refused() -> None:
    async def pieces() -> Any:
        for _ in range(100):
            yield b"x" * 100

    reply = over(Bm25Retriever(PASSAGES), lambda client: client.post("/retrieve", content=pieces()), max_body=1000)
    assert reply.status_code == 413


def test_other_paths_and_methods() -> None:
    async def work(client: Client) -> list[int]:
        return [(await client.get("/retrieve")).status_code, (await client.post("/elsewhere")).status_code]

    assert over(Bm25Retriever(PASSAGES), work) == [405, 404]


class Stuck:
    """A retriever that never comes back while its gate is shut."""

    def __init__(self) -> None:
        self.gate = threading.Event()

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        self.gate.wait(5)
        return [[] for _ in queries]


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    retriever = Stuck()
    yield retriever
    retriever.gate.set()


def test_a_search_that_takes_too_long_is_given_up_and_the_server_stays_free(stuck: Stuck) -> None:
    async def work(client: Client) -> tuple[httpx.Response, httpx.Response, httpx.Response]:
        slow = await client.post("/retrieve", json={"queries": ["a"]})
        health = await client.get("/health")
        stuck.gate.set()
        return slow, health, await client.post("/retrieve", json={"queries": ["a"]})

    slow, health, after = over(stuck, work, search_seconds=0.05)
    assert (slow.status_code, slow.json()) == (504, {"detail": "the search took longer than 0.05 seconds"})
    assert health.json() == {"status": "ok", "in_hand": 0, "pages": 0}
    assert (after.status_code, after.json()) == (200, {"result": [[]]})


def test_requests_beyond_the_queue_are_put_off(stuck: Stuck) -> None:
    async def work(client: Client) -> list[httpx.Response]:
        asked = [asyncio.create_task(client.post("/retrieve", json={"queries": ["a"]})) for _ in range(5)]
        done, _ = await asyncio.wait(asked, timeout=0.3)
        put_off = [task.result() for task in done]
        stuck.gate.set()
        await asyncio.gather(*asked)
        return put_off

    put_off = over(stuck, work, max_waiting=3)
    assert [(reply.status_code, reply.headers["retry-after"]) for reply in put_off] == [(503, "1"), (503, "1")]


class Broken:
    """A retriever that fails as often as told, then finds nothing."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.times = times

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        self.times -= 1
        if self.times >= 0:
            raise self.error
        return [[] for _ in queries]


@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (BackendError("the index is gone"), 502, "the index is gone"),
        (ZeroDivisionError("secret"), 500, "the server made a mistake; its log says which"),
    ],
)
def test_a_failing_retriever_is_an_error_and_no_empty_result(error: Exception, status: int, why: str) -> None:
    async def work(client: Client) -> list[httpx.Response]:
        return [await client.post("/retrieve", json={"queries": ["a"]}) for _ in range(2)]

    first, second = over(Broken(error, 1), work)
    assert (first.status_code, first.json()) == (status, {"detail": why})
    assert second.status_code == 200


# ---------------------------------------------------------------- pages, health, metrics


def test_stored_pages(tmp_path: Path) -> None:
    file = tmp_path / "pages.jsonl"
    file.write_text('{"url": "https://a.org/", "text": "Ünï"}\n\n{"url": "https://b.org/", "text": ""}\n')
    asked = {"urls": ["https://b.org/", "https://c.org/", "https://a.org/"]}
    reply = over(Bm25Retriever(PASSAGES), lambda client: client.post("/access", json=asked), pages=file)
    assert reply.json() == {"result": ["", None, "Ünï"]}
    assert post({"urls": "x"}, "/access").status_code == 422
    assert post({"urls": ["x"]}, "/access").status_code == 501


def test_counters() -> None:
    async def work(client: Client) -> str:
        await client.post("/retrieve", json={"queries": ["peru", "ghana"]})
        await client.post("/retrieve", json={"queries": 1})
        await client.get("/nowhere/7")
        return (await client.get("/metrics")).text

    lines = over(Bm25Retriever(PASSAGES), work).splitlines()
    assert 'mem1_requests_total{path="/retrieve",status="200"} 1.0' in lines
    assert 'mem1_requests_total{path="/retrieve",status="422"} 1.0' in lines
    assert 'mem1_requests_total{path="other",status="404"} 1.0' in lines
    assert "mem1_queries_total 2.0" in lines
    assert 'mem1_batch_queries_bucket{le="1.0"} 0.0' in lines
    assert 'mem1_batch_queries_bucket{le="2.0"} 1.0' in lines


# ---------------------------------------------------------------- clients of others


async def as_search_r1(client: Client, queries: list[str], top_k: int) -> list[str]:
    """Search-R1's and MEM1's rollout: one POST for the batch, scores asked for, documents put into words."""
    payload = {"queries": queries, "topk": top_k, "return_scores": True}
    rows = (await client.post("/retrieve", json=payload)).json()["result"]
    shown = []
    for row in rows:
        text = ""
        for i, item in enumerate(row):
            lines = item["document"]["contents"].split("\n")
            text += f"Doc {i + 1}(Title: {lines[0]}) " + "\n".join(lines[1:]) + "\n"
        shown.append(text)
    return shown


def test_search_r1s_client() -> None:
    shown = over(Bm25Retriever(PASSAGES), lambda client: as_search_r1(client, ["peru", "inca", "nothing here"], 1))
    assert shown == [
        'Doc 1(Title: "Lima") Lima is the capital of Peru.\n',
        'Doc 1(Title: "Cusco") Cusco was the capital of the Inca.\nIt lies high.\n',
        "",
    ]


async def as_verl(client: Client, queries: list[str], top_k: int = 3) -> tuple[list[str], int]:
    """verl's search tool: up to 10 attempts, again on 500, 502, 503 and 504; other statuses are errors."""
    payload = {"queries": queries, "topk": top_k, "return_scores": True}
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    for attempt in range(1, 11):
        reply = await client.post("/retrieve", headers=headers, json=payload, timeout=30)
        if reply.status_code in (500, 502, 503, 504):
            await asyncio.sleep(0)
            continue
        reply.raise_for_status()
        texts = []
        for row in reply.json().get("result", []):
            parts = []
            for i, item in enumerate(row):
                title, _, text = item["document"]["contents"].partition("\n")
                parts.append(f"Doc {i + 1} (Title: {title})\n{text}\n\n")
            texts.append("".join(parts).strip())
        return texts, attempt
    raise AssertionError("no answer in 10 attempts")


def test_verls_client() -> None:
    texts, attempts = over(Bm25Retriever(PASSAGES), lambda client: as_verl(client, ["ghana"]))
    assert texts == ['Doc 1 (Title: "Accra")\nAccra is the capital of Ghana.']
    assert attempts == 1


def test_skyrls_client() -> None:
    async def work(client: Client) -> list[Any]:
        payload = {"query": "ghana", "topk": 1, "return_scores": True}
        one = (await client.post("/retrieve", json=payload)).json()["result"]
        several = (await client.post("/retrieve", json={"query": ["ghana", "peru"], "topk": 1})).json()["result"]
        return [one, several]

    one, several = over(Bm25Retriever(PASSAGES), work)
    assert [[row["document"]["id"] for row in rows] for rows in one] == [["3"]]
    assert [[row["id"] for row in rows] for rows in several] == [["3"], ["0"]]


def test_the_searches_of_a_whole_training_step_come_in_one_request() -> None:
    queries = [f"capital {number}" for number in range(2560)]  # the published GRPO scripts' 512 prompts, 5 times
    shown = over(Bm25Retriever(PASSAGES), lambda client: as_search_r1(client, queries, 3))
    assert len(shown) == 2560
    assert set(shown) == {shown[0]}
    assert shown[0].startswith('Doc 1(Title: "Lima") Lima is the capital of Peru.\nDoc 2')


@pytest.mark.parametrize("count", [63, 64, 65, 300])
def test_a_large_answer_in_pieces_reads_as_one_document(count: int) -> None:
    words = [("peru", "xyzzy", "capital")[number % 3] for number in range(count)]
    alone = [post({"queries": [word], "topk": 5}).json()["result"][0] for word in ("peru", "xyzzy", "capital")]
    reply = post({"queries": words, "topk": 5})
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"result": [alone[number % 3] for number in range(count)]}


def test_time_grows_with_the_request(stuck: Stuck) -> None:
    async def work(client: Client) -> str:
        reply = await client.post("/retrieve", json={"queries": ["a"] * 5})
        detail: str = reply.json()["detail"]
        return detail

    said = over(stuck, work, search_seconds=0.05, query_seconds=0.02, batch=2)
    assert said == "the search took longer than 0.11 seconds"  # 0.05, and 0.02 for each of three beyond the batch


@pytest.mark.parametrize("error", [BackendError("away for a moment"), ZeroDivisionError()])
def test_verls_client_tries_again(error: Exception) -> None:
    assert over(Broken(error, 2), lambda client: as_verl(client, ["a"])) == ([""], 3)
