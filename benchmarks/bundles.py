"""Bundles by rules: the expert that is told the products (the ceiling), the shopper that is not, and one that forgets.

On test bundles of the catalogue of our own. ``Forgetful`` shops as the expert does but keeps nothing of what it bought:
how far that falls says how much of the reward rests on memory.
"""

from __future__ import annotations

import asyncio
import sys

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import compose
from mem1.types import Composition, Episode
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shopper import Shopper

SIZES = (2, 4, 8)
_BUDGETS = Budgets(state=256, action=64, observation=480)  # as in recipes/webshop-bundle.toml; here in words
_PARTS = ("success", "score", "r_option", "r_link", "r_price", "r_type", "unbroken")


class Forgetful(Shopper):
    """Knows which products to buy, and nothing of what it bought."""

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn."""
        script = self._scripts[session]
        script.things, script.chosen = [{} for _ in script.things], {}
        return super().__call__(session, context)


def play(shop: Webshop, objectives: int, count: int, kind: type[Shopper], *, told: bool) -> list[Episode]:
    """``count`` test bundles of ``objectives`` things."""
    tasks = compose([shop], composition=Composition.CHAINED, objectives=objectives, count=count, seed=0, split="test")
    shopper = kind()
    requests = group_requests(tasks, 1, seed=0, label="bundles")
    for request in requests if told else ():
        shopper.enlist(request.episode_id, request.task)
    parts = RolloutContext(
        engine=ScriptedEngine(shopper),
        make_env=WebshopEnvConfig().build(shop),
        make_memory=StateMemoryConfig(budgets=_BUDGETS).build(),
        temperature=0.0,
        reward=lambda score: score.total("score"),
    )
    return asyncio.run(run_requests(requests, parts, concurrency=16))


def figures(episodes: list[Episode]) -> dict[str, float]:
    """The mean of each part over the goals that have it, the largest context and the longest page, in words."""
    scores = [episode.score for episode in episodes if episode.score is not None]
    found = {}
    for part in _PARTS:
        values = [value for score in scores for value in score.known(part)]
        found[part] = sum(values) / len(values)
    found["peak"] = sum(episode.peak_without_prompt for episode in episodes) / len(episodes)
    found["page"] = float(max(turn.state_length for episode in episodes for turn in episode.turns))
    return found


def run(quick: bool) -> dict[str, float | str]:
    """Ceiling, shopper and who forgets, for 2, 4 and 8 things; ``quick`` takes 10 bundles in place of 100."""
    shop = WebshopConfig().build()
    found: dict[str, float | str] = {"shop": shop.label}
    kinds: tuple[tuple[str, type[Shopper], bool], ...] = (
        ("ceiling", Shopper, True),
        ("shopper", Shopper, False),
        ("forgets", Forgetful, True),
    )
    for size in SIZES:
        for name, kind, told in kinds:
            of = figures(play(shop, size, 10 if quick else 100, kind, told=told))
            found |= {f"{size} things, {name}, {part}": value for part, value in of.items()}
    return found


if __name__ == "__main__":
    for name, value in run(quick="--quick" in sys.argv).items():
        print(f"{name}: {value if isinstance(value, str) else round(value, 3)}")
