"""The shop's search: words in, asins out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mem1.errors import ConfigError
from mem1.retrieval.bm25.lucene import LuceneBm25
from mem1.webshop.catalogue.products import Product
from mem1.webshop.shop.kinds import SHOWN


class ProductSearch(Protocol):
    """Finds products for words."""

    @property
    def name(self) -> str:
        """Recorded in results."""

    def __call__(self, words: str) -> tuple[str, ...]:
        """The asins of the best products (50 unless told), best first; equal scores by asin."""


class LuceneSearch:
    """BM25 with Lucene's words and arithmetic over the products' search texts: it ranks as the published index does.

    A search finds ``shown`` products at most. Raises ``ConfigError`` where no product holds a word.
    """

    name = "lucene"

    def __init__(self, products: Sequence[Product], shown: int = SHOWN) -> None:
        self._shown = shown
        self._asins = [product.asin for product in products]
        self._index = LuceneBm25(self._asins, (product.search_text() for product in products))
        if not self._index.words:
            raise ConfigError("no product holds a word", where="source", hint="give a catalogue with texts in it")

    def __call__(self, words: str) -> tuple[str, ...]:
        """The asins of the best products."""
        return tuple(self._asins[position] for position, _ in self._index.search(words, self._shown))
