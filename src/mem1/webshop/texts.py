"""What a tokenizer for a shop is trained on: whole demonstrations, as a policy reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.base import MemoryFactory
from mem1.rollout.demonstrations import Lesson, demonstrate
from mem1.rollout.lost import Lost


def demonstration_texts(lessons: Iterable[Lesson], make_memory: MemoryFactory) -> Iterator[str]:
    """The texts of every turn of the lessons' demonstrations: what was shown, and what was written.

    Raises ``BackendError`` where an episode failed: the tokenizer would be another one.
    """
    for number, lesson in enumerate(lessons):
        for episode in demonstrate(lesson, make_memory, WordTokenizer(), label=f"texts-{number}", on_lost=_refuse):
            for turn in episode.turns:
                yield turn.state
                yield turn.action_text
                if turn.observation is not None:
                    yield turn.observation


def _refuse(lost: Lost) -> None:
    lost.refuse("a new tokenizer is trained on the texts of all demonstrations")
