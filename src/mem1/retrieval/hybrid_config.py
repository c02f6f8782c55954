"""Several retrievers as one, in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Self, cast

from pydantic import Field, model_validator

from mem1.registry import resolve
from mem1.retrieval.base import Passage
from mem1.retrieval.config import RetrieverConfig

if TYPE_CHECKING:
    from mem1.retrieval.hybrid import HybridRetriever


def _both() -> tuple[RetrieverConfig, ...]:
    return tuple(cast("RetrieverConfig", resolve("retriever", name).model_validate({})) for name in ("bm25", "dense"))


class HybridConfig(RetrieverConfig):
    """Reciprocal rank fusion over ``parts``; see ``HybridRetriever``."""

    type: Literal["hybrid"] = "hybrid"
    parts: tuple[RetrieverConfig, ...] = Field(default_factory=_both)
    rank_constant: float = Field(default=60.0, gt=0)
    depth: int = Field(default=50, ge=1)

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len(self.parts) < 2:
            raise ValueError("a hybrid joins two retrievers or more: name them in parts")
        if any("parts" in type(part).model_fields for part in self.parts):
            raise ValueError("a hybrid joins retrievers that are none themselves: name all of them in one list")
        return self

    @property
    def on_disk(self) -> tuple[RetrieverConfig, ...]:
        """The parts that are."""
        return tuple(one for part in self.parts for one in part.on_disk)

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return all(part.has_corpus for part in self.parts)

    def build(self, passages: Sequence[Passage] = ()) -> HybridRetriever:
        """All parts, fused. Raises what the parts raise."""
        from mem1.retrieval.hybrid import HybridRetriever

        parts = [part.build(passages) for part in self.parts]
        return HybridRetriever(parts, rank_constant=self.rank_constant, depth=self.depth)

    async def check(self) -> None:
        """Ask the parts' services once."""
        for part in self.parts:
            await part.check()
