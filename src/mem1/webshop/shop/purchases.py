"""What came of goals: what was bought for each, and its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mem1.types import Score
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.shop.visit import Visit


@dataclass(frozen=True, slots=True)
class Purchase:
    """What came of one goal; ``what`` is ``None`` where nothing was bought."""

    what: str | None
    reward: float
    success: bool
    parts: Mapping[str, float | None]


def nothing(goal: Goal) -> Purchase:
    """No purchase: every part 0; no part for options where none were wanted."""
    parts = {"bought": 0.0, "r_type": 0.0, "r_att": 0.0, "r_option": 0.0 if goal.options else None, "r_price": 0.0}
    return Purchase(None, 0.0, success=False, parts=parts)


def purchase_of(visit: Visit) -> Purchase:
    """What a visit came to so far."""
    reward = visit.reward
    if reward is None:
        return nothing(visit.goal)
    return Purchase(visit.bought(), reward.total, reward.success, {"bought": 1.0, **reward.parts})


def scored(purchases: Sequence[Purchase], scorer: str) -> Score:
    """``success`` (a reward of 1), the reward itself (``score``), and what it is made of, for each goal."""
    parts = {name: None for purchase in purchases for name in purchase.parts}
    return Score(
        metrics={
            "success": tuple(float(purchase.success) for purchase in purchases),
            "score": tuple(purchase.reward for purchase in purchases),
            **{name: tuple(purchase.parts.get(name) for purchase in purchases) for name in parts},
        },
        answered=tuple(purchase.what is not None for purchase in purchases),
        scorer=scorer,
    )
