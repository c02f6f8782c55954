"""Where the published WebShop files lie, beside the repository; tests that need them skip where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.webshop.catalogue.config import WebshopConfig

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "webshop"
ITEMS = FOLDER / "items_shuffle_1000.json"
ATTRIBUTES = FOLDER / "items_ins_v2_1000.json"
REFERENCE = FOLDER / "lucene_bm25_reference.jsonl"
HUMAN_GOALS = FOLDER / "human_goals.json"

needs_published_files = pytest.mark.skipif(
    not ITEMS.is_file(), reason="the published WebShop files are not in ../shared/data/webshop"
)


def published(**settings: object) -> WebshopConfig:
    """The 1,000-product set."""
    return WebshopConfig.model_validate({"items": ITEMS, "attributes": ATTRIBUTES, "splits": "mem1", **settings})
