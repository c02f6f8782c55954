"""The search service's wire format, as Search-R1, MEM1, verl and SkyRL-gym speak it.

``POST /retrieve`` ``{"queries": [str], "topk": int | null, "return_scores": bool}`` gives ``{"result": [[document]]}``,
a document being ``{"id", "contents", ...}``, or ``{"document": ..., "score": float}`` where scores are asked for.
``{"query": str}`` asks for one; the answer has the same form, with one list.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from mem1.retrieval.base import Hit

_PIECE = 64  # queries whose hits are put into words at a time


class SearchBody(BaseModel):
    """What ``POST /retrieve`` takes. Unknown keys are passed over: clients of others send their own."""

    queries: list[str] | None = Field(default=None, description="what to search for; none gives no result")
    query: str | list[str] | None = Field(default=None, description="the same for one, in place of queries")
    topk: Annotated[int, Field(ge=0)] | None = Field(default=None, description="null or 0: the server's default")
    return_scores: bool = Field(default=False, description="whether each document stands beside its score")

    @model_validator(mode="after")
    def _asks(self) -> Self:
        if (self.queries is None) == (self.query is None):
            raise ValueError("give queries (a list of texts) or query (a text)")
        return self

    @property
    def asked(self) -> list[str]:
        """What is searched for."""
        if self.queries is not None:
            return self.queries
        return [self.query] if isinstance(self.query, str) else list(self.query or ())


class AccessBody(BaseModel):
    """What ``POST /access`` takes."""

    urls: list[str] = Field(description="pages to read")


def search_reply(found: Sequence[Sequence[Hit]], *, with_scores: bool) -> bytes:
    """The body of the answer to a search, one list a query, best first."""
    return b"".join(search_pieces(found, with_scores=with_scores))


def search_pieces(found: Sequence[Sequence[Hit]], *, with_scores: bool) -> Iterator[bytes]:
    """``search_reply`` piece by piece, so that a large answer never stands in memory whole.

    Plain ASCII: a corpus may hold halves of surrogate pairs, which have no form in UTF-8.
    """
    yield b'{"result":['
    for start in range(0, len(found), _PIECE):
        rows = [[_row(hit, with_scores=with_scores) for hit in hits] for hits in found[start : start + _PIECE]]
        text = json.dumps(rows, separators=(",", ":"), allow_nan=False)[1:-1]
        yield ("," * bool(start) + text).encode("ascii")
    yield b"]}"


def _row(hit: Hit, *, with_scores: bool) -> dict[str, Any]:
    document = hit.passage.document()
    return {"document": document, "score": hit.score} if with_scores else document
