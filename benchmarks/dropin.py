"""What the shop costs in place of the original: its recorded episodes, and 64 environments that share one index.

The recorded episodes of princeton-nlp/WebShop (../shared/data/webshop) are lived once more in ``compat``: both texts,
what can be clicked and the search bar at each moment, as they were recorded; left out where the recordings are not
there. Times are the process's own work on one core (CPU time), memory is what is resident, without the packages that
were loaded before. The original, on the same episodes and one core of the machine they were recorded on, takes 57
steps a second and holds 520 MB.
"""

from __future__ import annotations

import json
import lzma
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.webshop import FOLDER, source
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.gym import ShopEnv
from mem1.webshop.shop.moves import published_move
from mem1.webshop.shop.visit import Shop, Visit, open_shop

ORIGINAL = 57.0  # steps a second
ENVIRONMENTS = 64
_RECORDED = FOLDER / "original_trajectories.json.xz"


def looked_at(visit: Visit) -> None:
    """All that was recorded of a moment."""
    visit.text("text")
    visit.text("text_rich")
    visit.shop.machine.search_bar(visit.state)
    _ = visit.clickables


def recorded_steps(shop: Shop, goals: Webshop, episodes: list[dict[str, Any]]) -> tuple[int, float]:
    """All recorded episodes: steps, and seconds of CPU time."""
    began, steps = time.process_time(), 0
    for episode in episodes:
        visit = Visit(shop, goals.goals[episode["goal"]])
        looked_at(visit)
        for step in episode["steps"]:
            move = published_move(step["action"])
            if move is not None:
                visit.do(move)
            looked_at(visit)
            steps += 1
    return steps, time.process_time() - began


def against_the_original(rounds: int) -> dict[str, float | str]:
    """Steps a second over the recorded episodes: the best of ``rounds``, each with an index of its own."""
    if not _RECORDED.is_file():
        return {"recorded episodes": "not here"}
    with lzma.open(_RECORDED, "rt", encoding="utf-8") as file:
        recorded = json.load(file)
    nouns = {title: tuple(found) for title, found in recorded["nouns"].items()}
    rates = []
    for _ in range(rounds):
        catalogue = source()
        # Fresh, so that nothing is remembered of a former round's searches and pages.
        shop = replace(open_shop(catalogue, mode="compat", nouns="content_words"), nouns=nouns.__getitem__)
        steps, seconds = recorded_steps(shop, catalogue, recorded["episodes"])
        rates.append(steps / seconds)
    return {
        "recorded episodes": float(len(recorded["episodes"])),
        "steps": float(steps),
        "steps/s": max(rates),
        "the original, steps/s": ORIGINAL,
        "times as fast": max(rates) / ORIGINAL,
    }


def environments() -> dict[str, float]:
    """Open one environment, then the others: CPU time and resident memory of both, in this process."""
    catalogue, config = source(), WebshopEnvConfig(nouns="content_words")
    before, began = resident(), time.process_time()
    kept = [ShopEnv(catalogue, config, split="test")]
    kept[0].reset(session=0)
    first, opened = time.process_time(), resident()
    for number in range(1, ENVIRONMENTS):
        kept.append(ShopEnv(catalogue, config, split="test"))
        kept[-1].reset(session=number)
    ended = time.process_time()
    return {
        "first environment, s": first - began,
        "first environment, MB": opened - before,
        f"{ENVIRONMENTS - 1} more, s": ended - first,
        f"{ENVIRONMENTS - 1} more, MB": resident() - opened,
        "the whole process, MB": resident(),
    }


def resident() -> float:
    """Memory that this process holds now, in MB (0 where the system does not tell)."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return 0.0
    return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmRSS")) / 1024


def in_a_fresh_process() -> dict[str, float]:
    """``environments`` where nothing was opened before."""
    command = [sys.executable, "-m", "benchmarks.dropin", "--environments"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def run(quick: bool) -> dict[str, float | str]:
    """Both; ``quick`` takes one round in place of five."""
    return {**against_the_original(1 if quick else 5), **in_a_fresh_process()}


if __name__ == "__main__":
    if "--environments" in sys.argv:
        print(json.dumps(environments()))
    else:
        for name, value in run(quick="--quick" in sys.argv).items():
            print(f"{name}: {value if isinstance(value, str) else round(value, 4)}")
