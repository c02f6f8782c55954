"""The search service: what published clients call (``/retrieve``, ``/access``), and what its operators need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ValidationError

from mem1.errors import BackendError
from mem1.retrieval.base import Retriever
from mem1.retrieval.service.config import ServiceConfig
from mem1.retrieval.service.limits import BoundedBodies, Counted
from mem1.retrieval.service.metrics import Metrics
from mem1.retrieval.service.queue import BusyError, SearchQueue
from mem1.retrieval.service.schema import AccessBody, SearchBody, search_reply
from mem1.retrieval.store.page_store import PageStore

_LARGE = 256
"""Documents above which an answer is put into words beside the loop that serves the others."""

Opener = Callable[[], Retriever]


def make_app(
    open_retriever: Opener, config: ServiceConfig | None = None, open_pages: Callable[[], PageStore] | None = None
) -> FastAPI:
    """The application (ASGI). The retriever is opened when the server starts and closed when it stops."""
    service = _Service(open_retriever, config or ServiceConfig(), open_pages)
    app = FastAPI(title="mem1 search", docs_url=None, redoc_url=None, lifespan=service.lifespan)
    bodies: dict[str, type[BaseModel]] = {"/retrieve": SearchBody, "/access": AccessBody}
    for path, work in (("/retrieve", service.retrieve), ("/access", service.access)):
        app.post(path, openapi_extra=_documented(bodies[path]))(work)
    app.get("/health")(service.health)
    app.get("/metrics")(service.metrics_page)
    app.add_middleware(BoundedBodies, max_body=service.config.max_body, seconds=service.config.body_seconds)
    app.add_middleware(Counted, count=service.count)  # added last, it is outermost
    return app


class _Service:
    """What the end points share."""

    def __init__(
        self, open_retriever: Opener, config: ServiceConfig, open_pages: Callable[[], PageStore] | None
    ) -> None:
        self.config = config
        self._open = open_retriever
        self._open_pages = open_pages
        self._pages: PageStore | None = None
        self._queue: SearchQueue | None = None
        self._metrics = Metrics()

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """Open, serve, close."""
        config = self.config
        self._pages = self._open_pages() if self._open_pages is not None else None
        self._queue = SearchQueue(
            self._open(),
            batch=config.batch,
            lanes=config.lanes,
            max_waiting=config.max_waiting,
            on_batch=self._metrics.saw_batch,
        )
        try:
            yield
        finally:
            await self._queue.close()

    async def retrieve(self, request: Request) -> Response:
        """Search."""
        asked = _read(SearchBody, await request.body())
        if isinstance(asked, Response):
            return asked
        top_k = asked.topk or self.config.top_k
        if len(asked.queries) > self.config.max_queries:
            return _refusal(422, f"a request may have {self.config.max_queries} queries, got {len(asked.queries)}")
        if top_k > self.config.max_top_k:
            return _refusal(422, f"topk may be {self.config.max_top_k}, got {top_k}")
        assert self._queue is not None, "the server has started"
        began = time.perf_counter()
        try:
            async with asyncio.timeout(self.config.search_seconds):
                found = await self._queue.search(asked.queries, top_k) if asked.queries else []
        except TimeoutError:
            return _refusal(504, f"the search took longer than {self.config.search_seconds:g} seconds")
        except BusyError as error:
            return _refusal(503, error.what, {"Retry-After": "1"})
        except BackendError as error:
            return _refusal(502, str(error))
        self._metrics.seconds.observe(time.perf_counter() - began)
        if sum(map(len, found)) > _LARGE:
            return _json(await asyncio.to_thread(search_reply, found, with_scores=asked.return_scores))
        return _json(search_reply(found, with_scores=asked.return_scores))

    async def access(self, request: Request) -> Response:
        """Read stored pages: their texts, null for those that are not there."""
        asked = _read(AccessBody, await request.body())
        if isinstance(asked, Response):
            return asked
        if len(asked.urls) > self.config.max_queries:
            return _refusal(422, f"a request may have {self.config.max_queries} urls, got {len(asked.urls)}")
        pages = self._pages
        if pages is None:
            return _refusal(501, "this server has no pages: start it with --pages FILE")
        texts = await asyncio.to_thread(lambda: [pages.text(url) for url in asked.urls])
        return JSONResponse({"result": texts})

    async def health(self) -> Response:
        """Whether searches are answered."""
        in_hand = self._queue.in_hand if self._queue is not None else 0
        return JSONResponse({"status": "ok", "in_hand": in_hand, "pages": len(self._pages or ())})

    async def metrics_page(self) -> Response:
        """Counters for Prometheus."""
        return Response(self._metrics.page(), media_type="text/plain; version=0.0.4; charset=utf-8")

    def count(self, path: str, status: int) -> None:
        """Count an answer."""
        self._metrics.requests.labels(path if path in _PATHS else "other", str(status)).inc()
        self._metrics.in_hand.set(self._queue.in_hand if self._queue is not None else 0)


_PATHS = frozenset({"/retrieve", "/access", "/health", "/metrics"})


def _read(kind: type[BaseModel], body: bytes) -> Any:
    """The body as ``kind``, else the answer 422 with the reasons.

    Pydantic's own JSON reader, because it refuses endless nesting and halves of surrogate pairs by itself.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        return JSONResponse({"detail": error.errors(include_url=False, include_input=False)}, status_code=422)


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status_code=status, headers=headers)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _documented(kind: type[BaseModel]) -> dict[str, Any]:
    content = {"application/json": {"schema": kind.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}
