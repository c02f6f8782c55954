"""What the configurations of all retrievers have in common: the kind of part that a recipe calls ``retriever``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from mem1.registry import Kind, Part
from mem1.retrieval.base import Passage, Retriever
from mem1.retrieval.progress import Report, quiet


class RetrieverConfig(Part):
    """Any retriever, told apart by ``type``.

    ``build`` opens or makes it; ``make`` writes the index on disk that ``build`` opens (``mem1 index``).
    """

    part_kind: ClassVar[Kind] = "retriever"
    default_type: ClassVar[str | None] = "bm25"

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return False

    @property
    def on_disk(self) -> tuple[RetrieverConfig, ...]:
        """Those whose index lies on disk: itself, its parts, or none."""
        return () if self.folder is None else (self,)

    @property
    def folder(self) -> Path | None:
        """Where its index lies; ``None`` where it is made when it is opened."""
        return None

    def build(self, passages: Sequence[Passage] = ()) -> Retriever:
        """The retriever, over its own corpus or over ``passages``. Raises ``Mem1Error``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its retriever is made: define build")

    async def check(self) -> None:
        """Ask once whether the service that it needs is there, if any. Raises ``BackendError``, ``ConfigError``."""

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Write what ``build`` opens."""
