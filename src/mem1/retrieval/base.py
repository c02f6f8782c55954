"""What a retriever is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from pydantic import Field

from mem1.types import Record


class Passage(Record):
    """One unit of the corpus.

    ``extra`` holds what its line says beyond ``id``, ``title`` and ``text``: further fields, and ``contents`` where
    that is not written as ``contents_of`` writes it.
    """

    id: str
    title: str
    text: str
    extra: dict[str, Any] = Field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """The passage as the field's services send it: its corpus line, with ``id`` and ``contents`` at least."""
        return {"id": self.id, "contents": contents_of(self.title, self.text), **self.extra}


class Hit(Record):
    """A passage found for a query, best first."""

    passage: Passage
    score: float


@runtime_checkable
class PassageSource(Protocol):
    """Whatever brings passages along to search in: a task source may, beside its objectives."""

    @property
    def passages(self) -> Sequence[Passage]:
        """All of them, in a fixed order."""


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for queries."""

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query. A backend's failure raises ``BackendError``."""


def contents_of(title: str, text: str) -> str:
    """``"Title"\\ntext``, quotes inside the title doubled: how the published corpora write a passage."""
    doubled = title.replace('"', '""')
    return f'"{doubled}"\n{text}'
