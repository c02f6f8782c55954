"""How the rule-based shopper does on test goals: score, success and all parts of the reward, strict and compat.

On the 500 test goals of MEM1's runs where the published 1,000-product files lie beside the repository
(../shared/data/webshop), else on those of the catalogue of our own. "told": it knows which product each wish was made
from, as it does when it writes demonstrations.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import compose
from mem1.types import Composition, Episode
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shopper import Shopper

FOLDER = Path(__file__).resolve().parents[2] / "shared" / "data" / "webshop"


def source() -> Webshop:
    """The published set with the published runs' split, else the catalogue of our own."""
    items = FOLDER / "items_shuffle_1000.json"
    if not items.is_file():
        return WebshopConfig(splits="mem1").build()
    return WebshopConfig(items=items, attributes=FOLDER / "items_ins_v2_1000.json", splits="mem1").build()


def play(shop: Webshop, mode: Mode, count: int, *, told: bool) -> list[Episode]:
    """One episode for each of the first ``count`` test goals, in the published order."""
    tasks = compose(
        [shop], composition=Composition.SEQUENTIAL, objectives=1, count=count, seed=0, split="test", order="consecutive"
    )
    env = WebshopEnvConfig(mode=mode)
    shopper = Shopper()
    requests = group_requests(tasks, 1, seed=0, label="shopper")
    if told:
        for request in requests:
            shopper.enlist(request.episode_id, request.task)
    parts = RolloutContext(
        engine=ScriptedEngine(shopper),
        make_env=env.build(shop),
        make_memory=StateMemoryConfig().build(),
        temperature=0.0,
        reward=lambda score: score.total("score"),
    )
    return asyncio.run(run_requests(requests, parts, concurrency=16))


def figures(episodes: list[Episode]) -> dict[str, float]:
    """Score, success rate, mean turns, and the mean of each part over the goals that have it."""
    scores = [episode.score for episode in episodes if episode.score is not None]
    found = {
        "score": 100 * sum(score.total("score") for score in scores) / len(episodes),
        "success, %": 100 * sum(score.total("success") for score in scores) / len(episodes),
        "turns": sum(len(episode.turns) for episode in episodes) / len(episodes),
    }
    for part in ("bought", "r_type", "r_att", "r_option", "r_price", "same_product"):
        values = [value for score in scores for value in score.known(part)]
        found[part] = sum(values) / len(values)
    return found


def run(quick: bool) -> dict[str, float | str]:
    """Both modes, told and not; ``quick`` takes 60 goals in place of 500."""
    shop = source()
    count = 60 if quick else 500
    found: dict[str, float | str] = {"shop": shop.label, "goals": float(count)}
    modes: tuple[Mode, ...] = ("strict", "compat")
    for told in (False, True):
        for mode in modes:
            name = f"{'told' if told else 'not told'}, {mode}"
            found |= {f"{name}, {part}": value for part, value in figures(play(shop, mode, count, told=told)).items()}
    return found


if __name__ == "__main__":
    for name, value in run(quick="--quick" in sys.argv).items():
        print(f"{name}: {value if isinstance(value, str) else round(value, 3)}")
