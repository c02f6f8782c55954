"""The search service's wire format, as Search-R1, MEM1 and verl speak it.

``POST /retrieve`` ``{"queries": [str], "topk": int | null, "return_scores": bool}`` gives ``{"result": [[document]]}``,
a document being ``{"id", "contents", ...}``, or ``{"document": ..., "score": float}`` where scores are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from mem1.retrieval.base import Hit


class SearchBody(BaseModel):
    """What ``POST /retrieve`` takes. Unknown keys are passed over: clients of others send their own."""

    queries: list[str] = Field(description="what to search for; none gives no result")
    topk: Annotated[int, Field(ge=0)] | None = Field(default=None, description="null or 0: the server's default")
    return_scores: bool = Field(default=False, description="whether each document stands beside its score")


class AccessBody(BaseModel):
    """What ``POST /access`` takes."""

    urls: list[str] = Field(description="pages to read")


def search_reply(found: Sequence[Sequence[Hit]], *, with_scores: bool) -> bytes:
    """The body of the answer to a search, one list a query, best first.

    Plain ASCII: a corpus may hold halves of surrogate pairs, which have no form in UTF-8.
    """
    rows = [[_row(hit, with_scores=with_scores) for hit in hits] for hits in found]
    return json.dumps({"result": rows}, separators=(",", ":"), allow_nan=False).encode("ascii")


def _row(hit: Hit, *, with_scores: bool) -> dict[str, Any]:
    document = hit.passage.document()
    return {"document": document, "score": hit.score} if with_scores else document
