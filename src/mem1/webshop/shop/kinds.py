"""The shop's settings and their defaults, for its configuration and for the parts that it sets up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Mode = Literal["strict", "compat"]
Look = Literal["text", "text_rich"]
SplitRule = Literal["published", "mem1", "by_product"]
ProtocolName = Literal["webshop", "mem1", "verl-agent"]

SHOWN = 50
"""Products that a search finds at most."""
CONTENT_WORDS = "content_words"
"""The noun extractor that needs no model."""
AUTO = "auto"
"""The noun extractor that suits the mode and what is installed."""
PUBLISHED = "en_core_web_sm"
"""The noun extractor of the published environment."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What a protocol sets unless it is told otherwise: which goals are held out, their order, steps a goal."""

    splits: SplitRule
    shuffle_seed: int
    turns: int


HABITS: Mapping[ProtocolName, Habits] = {
    "webshop": Habits("published", 233, 100),
    "mem1": Habits("mem1", 233, 10),
    "verl-agent": Habits("mem1", 0, 15),
}
"""``published``, ``mem1`` and ``by_product`` are explained by ``catalogue/config.py``."""


def habits_of(settings: object) -> Habits | None:
    """What the protocol that ``settings`` (as they were given) name sets; ``None`` where they name none."""
    name = settings.get("protocol") if isinstance(settings, dict) else None
    return next((habits for known, habits in HABITS.items() if known == name), None)
