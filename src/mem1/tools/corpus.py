"""A corpus as a tool: ``search`` shows the best passages whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from mem1.actions.tools import SEARCH
from mem1.retrieval.base import Retriever
from mem1.tools.base import Tool, ToolResult
from mem1.types import ToolSpec


class Corpus:
    """A ``ToolSource`` over what ``make`` builds when it is entered.

    Args:
        make: Builds the retriever. May raise ``Mem1Error``.
        name: What the corpus is called in sources.
        top_k: Passages that a search shows.
    """

    def __init__(self, make: Callable[[], Retriever], *, name: str, top_k: int = 5) -> None:
        self._make, self._name, self._top_k = make, name, top_k

    async def __aenter__(self) -> Sequence[Tool]:
        return (_Search(self._make(), self._name, self._top_k),)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""


class _Search:
    """``search``."""

    spec: ToolSpec = SEARCH
    changes = False

    def __init__(self, retriever: Retriever, name: str, top_k: int) -> None:
        self._retriever, self._name, self._top_k = retriever, name, top_k

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        hits = (await self._retriever.search([str(arguments["query"])], self._top_k))[0]
        shown = [f"{self._name}#{hit.passage.id} {hit.passage.title}\n{hit.passage.text}" for hit in hits]
        source = f"{self._name}: {', '.join(hit.passage.id for hit in hits) or 'nothing'}"
        return ToolResult("\n\n".join(shown) or "No passage holds any of these words.", source)
