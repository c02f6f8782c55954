"""What the original web shop was recorded to show and pay (shared data; tests that need it are skipped without it)."""

from __future__ import annotations

import json
import lzma
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.visit import Shop, open_shop

FOLDER = Path(__file__).resolve().parents[5] / "shared" / "data" / "webshop"
needs_recordings = pytest.mark.skipif(
    not (FOLDER / "original_trajectories.json.xz").is_file(), reason="the recordings are not here"
)


@cache
def recordings() -> dict[str, Any]:
    """``episodes`` (goal, first, steps) and ``nouns`` by title."""
    with lzma.open(FOLDER / "original_trajectories.json.xz", "rt", encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


@cache
def purchases() -> list[dict[str, Any]]:
    """What the original paid: goal, asin, options, reward, and the parts as ``info``."""
    with lzma.open(FOLDER / "original_rewards.jsonl.xz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@cache
def published() -> Webshop:
    """The 1,000 published products."""
    items, attributes = FOLDER / "items_shuffle_1000.json", FOLDER / "items_ins_v2_1000.json"
    return WebshopConfig(items=items, attributes=attributes, splits="mem1").build()


@cache
def original_nouns() -> dict[str, tuple[str, ...]]:
    """The nouns that the original took from each title."""
    return {title: tuple(nouns) for title, nouns in recordings()["nouns"].items()}


@cache
def compat_shop(tab: bool = False) -> Shop:
    """The published shop with the published rules and nouns."""
    nouns = original_nouns()
    return replace(open_shop(published(), mode="compat", tab=tab), nouns=lambda title: nouns[title])
