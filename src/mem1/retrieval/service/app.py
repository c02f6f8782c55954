"""The search service: what published clients call (``/retrieve``, ``/access``), and what its operators need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from mem1.errors import BackendError
from mem1.retrieval.base import Retriever
from mem1.retrieval.service.config import ServiceConfig
from mem1.retrieval.service.metrics import Metrics
from mem1.retrieval.service.queue import BusyError, SearchQueue
from mem1.retrieval.service.schema import AccessBody, SearchBody, search_pieces, search_reply
from mem1.retrieval.store.page_store import PageStore
from mem1.serving.bodies import Counted
from mem1.serving.run import guards

_LARGE = 256
"""Documents above which an answer is put into words piece by piece, beside the loop that serves the others."""

_REASONS = 10  # that an answer gives, of what is wrong with a body

Opener = Callable[[], Retriever]


def make_app(
    open_retriever: Opener, config: ServiceConfig | None = None, open_pages: Callable[[], PageStore] | None = None
) -> Starlette:
    """The application (ASGI). The retriever is opened when the server starts and closed when it stops."""
    service = _Service(open_retriever, config or ServiceConfig(), open_pages)
    return Starlette(
        routes=[
            Route("/retrieve", service.retrieve, methods=["POST"]),
            Route("/access", service.access, methods=["POST"]),
            Route("/health", service.health),
            Route("/metrics", service.metrics_page),
        ],
        middleware=[Middleware(Counted, count=service.count), *guards(service.config)],
        lifespan=service.lifespan,
    )


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
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
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
        queries, top_k = asked.asked, asked.topk or self.config.top_k
        if len(queries) > self.config.max_queries:
            return _refusal(422, f"a request may have {self.config.max_queries} queries, got {len(queries)}")
        if top_k > self.config.max_top_k:
            return _refusal(422, f"topk may be {self.config.max_top_k}, got {top_k}")
        assert self._queue is not None, "the server has started"
        began = time.perf_counter()
        patience = self.config.search_seconds + self.config.query_seconds * max(0, len(queries) - self.config.batch)
        try:
            async with asyncio.timeout(patience):
                found = await self._queue.search(queries, top_k) if queries else []
        except TimeoutError:
            return _refusal(504, f"the search took longer than {patience:g} seconds")
        except BusyError as error:
            return _refusal(503, error.what, {"Retry-After": "1"})
        except BackendError as error:
            return _refusal(502, str(error))
        self._metrics.seconds.observe(time.perf_counter() - began)
        if sum(map(len, found)) > _LARGE:
            pieces = search_pieces(found, with_scores=asked.return_scores)
            return StreamingResponse(pieces, media_type="application/json")
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

    async def health(self, request: Request) -> Response:
        """Whether searches are answered."""
        in_hand = self._queue.in_hand if self._queue is not None else 0
        return JSONResponse({"status": "ok", "in_hand": in_hand, "pages": len(self._pages or ())})

    async def metrics_page(self, request: Request) -> Response:
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
        found = error.errors(include_url=False, include_input=False, include_context=False)
        return JSONResponse({"detail": found[:_REASONS]}, status_code=422)


def _refusal(status: int, why: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": why}, status_code=status, headers=headers)


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")
