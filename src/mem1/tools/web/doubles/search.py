"""One server that speaks as Serper, Brave, Tavily and SearXNG do, over whatever finds results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mem1.tools.web.doubles.server import send, served

KEY = "double-key-0123456789"
"""The one key that the double takes."""


@dataclass(frozen=True, slots=True)
class Row:
    """A result: title, address, snippet, and a date if there is one."""

    title: str
    url: str
    snippet: str = ""
    date: str | None = None


Find = Callable[[str, int], Sequence[Row]]
"""(query, number) -> results, best first"""


@dataclass(slots=True)
class SearchDouble:
    """A double that is being served. ``answers``: answers to give first, whatever is asked: (status, headers, body).

    ``asked``: what was searched for, as (service, query); ``sent``: the requests' parameters.
    """

    url: str = ""
    answers: list[tuple[int, Mapping[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def search_double(find: Find) -> Iterator[SearchDouble]:
    """Serve one until the block ends. Brave is at its paths below ``url``, the other three are at ``/search``."""
    double = SearchDouble()

    def respond(talk: BaseHTTPRequestHandler, body: bytes) -> None:
        parts = urlsplit(talk.path)
        query: dict[str, Any] = {name: values[0] for name, values in parse_qs(parts.query).items()}
        asked = query | (json.loads(body) if body else {})
        service = _service(talk, parts.path, asked)
        double.asked.append((service, str(asked.get("q", asked.get("query", "")))))
        double.sent.append(asked)
        if double.answers:
            status, headers, answer = double.answers.pop(0)
            send(talk, status, answer, **headers)
            return
        status, answer = _ANSWERS[service](talk, asked, find)
        send(talk, status, json.dumps(answer).encode(), Content_Type="application/json")

    with served(respond) as port:
        double.url = f"http://127.0.0.1:{port}"
        yield double


def _service(talk: BaseHTTPRequestHandler, path: str, asked: Mapping[str, Any]) -> str:
    if path == "/res/v1/web/search":
        return "brave"
    if "X-API-KEY" in talk.headers or "api_key" in asked:
        return "serper"
    return "searxng" if asked.get("format") == "json" else "tavily"


def _serper(talk: BaseHTTPRequestHandler, asked: Mapping[str, Any], find: Find) -> tuple[int, Any]:
    """Takes JSON, parameters behind an empty body, and a key among the parameters, as its clients send them."""
    if KEY not in (talk.headers.get("X-API-KEY"), asked.get("api_key")):
        return 403, {"message": "Unauthorized.", "statusCode": 403}
    rows = find(asked["q"], int(asked.get("num", 10)))
    return 200, {
        "searchParameters": {"q": asked["q"]},
        "organic": [_row(row, "link", "snippet", "date") for row in rows],
    }


def _brave(talk: BaseHTTPRequestHandler, asked: Mapping[str, Any], find: Find) -> tuple[int, Any]:
    if talk.headers.get("X-Subscription-Token") != KEY:
        return 422, {"type": "ErrorResponse", "error": {"code": "SUBSCRIPTION_TOKEN_INVALID", "status": 422}}
    if int(asked.get("count", 10)) > 20 or len(asked["q"]) > 400:
        return 422, {"type": "ErrorResponse", "errors": [{"code": "VALIDATION"}]}
    rows = find(asked["q"], int(asked.get("count", 10)))
    if not rows:
        return 200, {"type": "search"}
    return 200, {"type": "search", "web": {"results": [_row(row, "url", "description", "age") for row in rows]}}


def _tavily(talk: BaseHTTPRequestHandler, asked: Mapping[str, Any], find: Find) -> tuple[int, Any]:
    if talk.headers.get("Authorization") != f"Bearer {KEY}":
        return 401, {"detail": {"error": "Unauthorized: missing or invalid API key."}}
    rows = find(asked["query"], int(asked.get("max_results", 5)))
    return 200, {"query": asked["query"], "results": [_row(row, "url", "content", "published_date") for row in rows]}


def _searxng(talk: BaseHTTPRequestHandler, asked: Mapping[str, Any], find: Find) -> tuple[int, Any]:
    page, size = int(asked.get("pageno", 1)), 10
    rows = find(asked["q"], page * size)[(page - 1) * size :]
    answer = {"query": asked["q"], "number_of_results": 0, "unresponsive_engines": []}
    return 200, answer | {"results": [_row(row, "url", "content", "publishedDate") for row in rows]}


def _row(row: Row, url: str, snippet: str, date: str) -> dict[str, Any]:
    found: dict[str, Any] = {"title": row.title, url: row.url}
    if row.snippet:
        found[snippet] = row.snippet
    return found | ({date: row.date} if row.date is not None else {})


_ANSWERS = {"serper": _serper, "brave": _brave, "tavily": _tavily, "searxng": _searxng}
