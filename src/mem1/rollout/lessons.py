"""What a warm start demonstrates: an environment's own lessons."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mem1.memory.config import MemoryConfig
from mem1.retrieval.base import Passage, Retriever
from mem1.rewards.base import Scorer
from mem1.rollout.config import LessonsConfig
from mem1.rollout.demonstrations import Lesson
from mem1.tasks.base import Source


@dataclass(frozen=True, slots=True)
class Setting:
    """What a recipe gives to its environment's lessons. ``retriever`` searches the sources' passages, if anything."""

    config: LessonsConfig
    seed: int
    env: Any  # the environment's own configuration
    memory: MemoryConfig
    sources: Sequence[Source]
    retriever: Retriever | None
    make_retriever: Callable[[Sequence[Passage]], Retriever]
    make_scorer: Callable[[], Scorer]

    @property
    def source(self) -> Source:
        """The first task source: the one that lessons are about."""
        return self.sources[0]


class Lessons(Protocol):
    """Made from a ``Setting`` by what an environment's configuration names in ``lessons``."""

    def lesson(self, number: int, pieces: Sequence[str]) -> Lesson:
        """Lesson ``number``, the same each time; ``pieces`` are texts of tokens to invent names from."""

    def texts(self) -> Iterable[str]:
        """What the tokenizer of a new model is trained on: nothing of what is held out."""
