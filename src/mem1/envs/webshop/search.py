"""The shop's search: words in, asins out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, Protocol

from mem1.errors import ConfigError
from mem1.retrieval.bm25.lucene import LuceneBm25
from mem1.retrieval.bm25.lucene_tokens import lucene_tokens
from mem1.tasks.webshop.products import Product

SearchKind = Literal["auto", "lucene", "bm25s"]
SHOWN = 50
LARGE = 100_000  # products; above, "auto" takes bm25s


class ProductSearch(Protocol):
    """Finds products for words."""

    @property
    def name(self) -> str:
        """Recorded in results."""

    def __call__(self, words: str) -> tuple[str, ...]:
        """The asins of the best products (50 unless told), best first; equal scores by asin."""


def make_search(products: Sequence[Product], kind: SearchKind = "auto", shown: int = SHOWN) -> ProductSearch:
    """An index over the products' search texts.

    ``lucene`` ranks as the published index does; ``bm25s`` is faster on large catalogues, with the same words but exact
    document lengths. ``auto`` takes ``lucene`` for up to 100,000 products. A search finds ``shown`` products at most.
    """
    if kind == "auto":
        kind = "bm25s" if len(products) > LARGE else "lucene"
    return LuceneSearch(products, shown) if kind == "lucene" else Bm25sSearch(products, shown)


class LuceneSearch:
    """BM25 with Lucene's words and arithmetic."""

    name = "lucene"

    def __init__(self, products: Sequence[Product], shown: int = SHOWN) -> None:
        self._shown = shown
        self._asins = [product.asin for product in products]
        self._index = LuceneBm25(self._asins, (product.search_text() for product in products))

    def __call__(self, words: str) -> tuple[str, ...]:
        """The asins of the best products."""
        return tuple(self._asins[position] for position, _ in self._index.search(words, self._shown))


class Bm25sSearch:
    """The library bm25s with Lucene's words."""

    name = "bm25s"

    def __init__(self, products: Sequence[Product], shown: int = SHOWN) -> None:
        import bm25s

        self._shown = shown
        # In the order of asins: equal scores then come by asin, since the library keeps the corpus order.
        ordered = sorted(products, key=lambda product: product.asin)
        self._asins = [product.asin for product in ordered]
        self._vocabulary: dict[str, int] = {}
        number = self._vocabulary.setdefault
        ids = [
            [number(term, len(self._vocabulary)) for term in lucene_tokens(product.search_text())]
            for product in ordered
        ]
        if not self._vocabulary:
            raise ConfigError("no product holds a word", where="source", hint="give a catalogue with texts in it")
        self._model = bm25s.BM25(k1=0.9, b=0.4, method="lucene", auto_compile=False)
        self._model.index((ids, dict(self._vocabulary)), show_progress=False)
        self._cached: Callable[[str], tuple[str, ...]] = lru_cache(maxsize=4096)(self._find)

    def __call__(self, words: str) -> tuple[str, ...]:
        """The asins of the best products."""
        return self._cached(words)

    def _find(self, words: str) -> tuple[str, ...]:
        from mem1.retrieval.bm25.memory import best_rows

        ids = sorted(i for term in lucene_tokens(words) if (i := self._vocabulary.get(term)) is not None)
        if not ids:
            return ()
        return tuple(self._asins[i] for i in best_rows(self._model.get_scores_from_ids(ids), self._shown).tolist())
