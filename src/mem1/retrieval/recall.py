"""Whether what was found holds the answer: how retrievers are measured, and how the scripted expert reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mem1.retrieval.base import Hit
from mem1.retrieval.bm25.tokens import words

_ARTICLES = frozenset({"a", "an", "the"})


def held_answer(text: str, answers: Iterable[str]) -> str | None:
    """The first of ``answers`` that stands in ``text`` as whole words, leaving out case, punctuation and articles.

    So "no" does not stand in "November", and "The Beatles" does in "Beatles' songs". As in the field (DPR's
    ``has_answer``), but for the articles, which scoring drops too. An answer without a word stands nowhere.
    """
    inside = _plain(text)
    return next((answer for answer in answers if (plain := _plain(answer)).strip() and plain in inside), None)


def rank_of_answer(hits: Sequence[Hit], answers: Sequence[str]) -> int | None:
    """The rank, from 1, of the first passage whose title or text holds an answer; ``None`` where none does."""
    return next((i for i, hit in enumerate(hits, 1) if held_answer(_read(hit), answers) is not None), None)


def recall(ranks: Sequence[int | None], top_k: int) -> float:
    """The share of questions with an answer among the first ``top_k`` passages."""
    return sum(rank is not None and rank <= top_k for rank in ranks) / len(ranks)


def _plain(text: str) -> str:
    return f" {' '.join(word for word in words(text) if word not in _ARTICLES)} "


def _read(hit: Hit) -> str:
    return f"{hit.passage.title}\n{hit.passage.text}"
