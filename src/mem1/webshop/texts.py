"""What a tokenizer for a shop is trained on: whole demonstrations, as a policy reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.base import MemoryFactory
from mem1.rollout.demonstrations import Lesson, demonstrate


def demonstration_texts(lessons: Iterable[Lesson], make_memory: MemoryFactory) -> Iterator[str]:
    """The texts of every turn of the lessons' demonstrations: what was shown, and what was written."""
    for number, lesson in enumerate(lessons):
        for episode in demonstrate(lesson, make_memory, WordTokenizer(), label=f"texts-{number}"):
            for turn in episode.turns:
                yield turn.state
                yield turn.action_text
                if turn.observation is not None:
                    yield turn.observation
