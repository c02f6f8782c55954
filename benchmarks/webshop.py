"""What the shop costs: steps and resets, start-up, search against bm25s, and a catalogue of 200,000 products.

Uses the published 1,000-product files where they lie beside the repository (../shared/data/webshop), else as many
invented products. Times are the process's own work on one core (CPU time), so that others on the machine do not count.
Aims: at least 2,000 steps a second, a reset under 1 ms, a start-up under 3 s.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import bm25s

from mem1.retrieval.bm25.lucene_tokens import lucene_tokens
from mem1.retrieval.bm25.scoring import best_rows
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.made import made_records
from mem1.webshop.catalogue.products import Product, read_products
from mem1.webshop.catalogue.source import Webshop, goal_of
from mem1.webshop.shop.kinds import SHOWN
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.search import LuceneSearch
from mem1.webshop.shop.visit import Shop, Visit, open_shop

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "webshop"


def source() -> Webshop:
    """The published set where it is there, else as many invented products."""
    items = FOLDER / "items_shuffle_1000.json"
    if not items.is_file():
        return WebshopConfig(products=1000).build()
    return WebshopConfig(items=items, attributes=FOLDER / "items_ins_v2_1000.json", splits="mem1").build()


def walk(shop: Shop, goal: Goal) -> int:
    """One episode as an agent has it, each page written out: steps taken."""
    visit = Visit(shop, goal)
    visit.text()
    steps = 0

    def do(action: Search | Click) -> None:
        nonlocal steps
        visit.do(action)
        visit.text()
        _ = visit.clickables
        steps += 1

    do(Search(query=goal.instruction))
    found = [one for one in visit.clickables if one.upper() in shop.machine.products]
    if found:
        do(Click(target=goal.asin if goal.asin.lower() in found else found[0]))
        for option in goal.options:
            do(Click(target=option))
        for target in ("features", "< prev", "description", "< prev", "buy now"):
            do(Click(target=target))
    return steps


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes on one core."""
    began = time.process_time()
    work()
    return time.process_time() - began


def startup_and_steps(quick: bool) -> dict[str, float | str]:
    """Reading, goals, index; then episodes over the test goals, and resets."""
    began = time.process_time()
    shop_source = source()
    shop = open_shop(shop_source)
    goals = [goal_of(one) for one in shop_source.objectives("test")[: 100 if quick else 500]]
    started = time.process_time() - began
    began = time.process_time()
    steps = sum(walk(shop, goal) for goal in goals)
    rate = steps / (time.process_time() - began)
    resets = 1000
    reset = seconds(lambda: [Visit(shop, goals[i % len(goals)]).text() for i in range(resets)]) / resets
    return {
        "catalogue": shop_source.label,
        "start-up, s": started,
        "steps": float(steps),
        "steps/s": rate,
        "reset, ms": 1000 * reset,
    }


def search_against_bm25s(quick: bool) -> dict[str, float | str]:
    """The same queries once each through both, on the same products; the ratio is what to read."""
    shop_source = source()
    products = tuple(shop_source.products.values())
    queries = list(dict.fromkeys(goal.instruction for goal in shop_source.goals))[: 300 if quick else 2000]
    rounds: list[tuple[float, float]] = []
    for _ in range(3):
        ours, theirs = LuceneSearch(products), bm25s_search(products)
        rounds.append(
            (seconds(lambda: [ours(query) for query in queries]), seconds(lambda: [theirs(query) for query in queries]))  # noqa: B023
        )
    mine, bm25s = min(one for one, _ in rounds), min(other for _, other in rounds)
    return {
        "search, queries/s": len(queries) / mine,
        "bm25s with the same words, queries/s": len(queries) / bm25s,
        "speed of search / speed of bm25s": bm25s / mine,
    }


def bm25s_search(products: Sequence[Product]) -> Callable[[str], object]:
    """The library's search over the same words."""
    words: dict[str, int] = {}
    ids = [
        [words.setdefault(term, len(words)) for term in lucene_tokens(product.search_text())] for product in products
    ]
    model = bm25s.BM25(k1=0.9, b=0.4, method="lucene", auto_compile=False)
    model.index((ids, dict(words)), show_progress=False)

    @lru_cache(maxsize=4096)
    def search(query: str) -> object:
        known = [words[term] for term in lucene_tokens(query) if term in words]
        return best_rows(model.get_scores_from_ids(known), SHOWN).tolist() if known else []

    return search


def full_catalogue(count: int) -> dict[str, float | str]:
    """``count`` generated products as published files: reading, indexing, searching, and the peak of memory."""
    with tempfile.TemporaryDirectory() as folder:
        items, attributes = Path(folder) / "items.json", Path(folder) / "attributes.json"
        extra = {}
        with items.open("w", encoding="utf-8") as file:
            file.write("[")
            for number, (record, more) in enumerate(made_records(count, seed=1)):
                file.write(("," if number else "") + json.dumps(record))
                extra[record["asin"]] = more
            file.write("]")
        attributes.write_text(json.dumps(extra), encoding="utf-8")
        del extra
        size = items.stat().st_size / 1e6
        began = time.process_time()
        products = read_products(items, attributes)
        read = time.process_time() - began
    before = memory()
    rng = random.Random(0)
    queries = [rng.choice(products).title for _ in range(200)]
    found: dict[str, float | str] = {
        f"{count:,} products, file, MB": size,
        f"{count:,} products, reading, s": read,
        f"{count:,} products, memory once read, MB": before,
    }
    began = time.process_time()
    search = LuceneSearch(products)
    indexed = time.process_time()
    for query in queries:
        search(query)
    return found | {
        f"{count:,} products, index, s": indexed - began,
        f"{count:,} products, search, ms": 1000 * (time.process_time() - indexed) / len(queries),
        f"{count:,} products, peak memory with the index, MB": memory(),
    }


def memory() -> float:
    """The process's peak of resident memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(quick: bool) -> dict[str, float | str]:
    """All of it; ``quick`` takes fewer goals and 5,000 products in place of 200,000."""
    return {
        **startup_and_steps(quick),
        **search_against_bm25s(quick),
        **full_catalogue(5_000 if quick else 200_000),
        "aim": "at least 2,000 steps/s, reset under 1 ms, start-up under 3 s",
    }


if __name__ == "__main__":
    for name, value in run(quick="--quick" in sys.argv).items():
        print(f"{name}: {value if isinstance(value, str) else round(value, 4)}")
