"""A retriever as a search provider: a corpus of one's own, or another ``/retrieve``. Its documents are its pages."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from urllib.parse import quote

from mem1.retrieval.base import Passage, Retriever
from mem1.tools.web.results import Document, SearchResult

_KEPT = 10_000  # documents
_SNIPPET = 500  # characters


class CorpusSearch:
    """A ``SearchProvider`` over ``retriever``; a passage's address is its ``url``, if it has one, else ``corpus:ID``.

    What was found can be opened; nothing is fetched for it.
    """

    def __init__(self, retriever: Retriever, name: str, parameters: dict[str, Any]) -> None:
        self._retriever = retriever
        self.name = name
        self.parameters = parameters
        self._pages: OrderedDict[str, Document] = OrderedDict()

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """The ``k`` best passages. Raises ``HttpError``."""
        hits = (await self._retriever.search([query], k))[0]
        return [self._result(hit.passage, rank) for rank, hit in enumerate(hits, start=1)]

    def page(self, url: str) -> Document | None:
        """A document that was found before."""
        return self._pages.get(url)

    async def close(self) -> None:
        """Nothing is open."""

    def _result(self, passage: Passage, rank: int) -> SearchResult:
        own = passage.extra.get("url")
        url = own if isinstance(own, str) and own else f"corpus:{quote(passage.id)}"
        self._pages[url] = Document(
            final_url=url, status=200, title=passage.title, text=passage.text, content_type="text/plain", fetched_at=0.0
        )
        while len(self._pages) > _KEPT:
            self._pages.popitem(last=False)
        text = " ".join(passage.text.split())
        snippet = text if len(text) <= _SNIPPET else text[:_SNIPPET].rsplit(" ", 1)[0] + " ..."
        return SearchResult(title=passage.title, url=url, snippet=snippet, rank=rank, provider=self.name)
