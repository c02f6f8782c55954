"""A folder of 100 runs with 1,000 episodes each: how long until the list of runs and every kind of page are there.

The episodes are played as in ``many_episodes``. Aim: the list under a second after the first, any page under 0.2 s.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.many_episodes import write_run
from mem1.report.viewer.filter import Filter
from mem1.report.viewer.library import Library

_ALL = Filter()


def run(quick: bool) -> dict[str, float | str]:
    """Seconds of wall time and of this process's own work, for each page: the first time, and again."""
    runs, episodes = (10, 200) if quick else (100, 1000)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "runs"
        first, _ = write_run(Path(folder) / "made", episodes)
        for number in range(runs):
            copied = shutil.copytree(first, root / f"run-{number:03d}")
            (copied / "config.json").write_text(json.dumps({"name": "many", "seed": number, "model": "scripted"}))
        return {"runs": runs, "episodes": runs * episodes} | measure(root)


def measure(root: Path) -> dict[str, float | str]:
    """Each page of the runs below ``root``."""
    library = Library(root)
    found: dict[str, float | str] = {}

    def timed(name: str, draw: Callable[[], object]) -> None:
        wall, own = time.perf_counter(), time.process_time()
        draw()
        found[f"{name}, s"] = round(time.perf_counter() - wall, 3)
        found[f"{name}, own work, s"] = round(time.process_time() - own, 3)

    timed("list, first", lambda: library.runs({}))
    timed("list, again", lambda: library.runs({}))
    names = [one.name for one in library.index.runs()[:4]]
    opened = library.open(names[0])
    for name, draw in {
        "episodes": lambda: opened.viewer.index({}),
        "episodes folded": lambda: opened.viewer.index({"fold": "group"}),
        "results": lambda: opened.pages.results({}),
        "metrics": lambda: opened.pages.metrics({}),
        "configuration": lambda: opened.pages.configuration({}),
        "four runs side by side": lambda: library.compare([("run", one) for one in names]),
    }.items():
        timed(f"{name}, first", draw)
        timed(f"{name}, again", draw)
    (entry, *_), _ = opened.viewer.catalogue.page(_ALL, 1)
    place = {"file": entry.label, "id": entry.entry.id}
    timed("episode", lambda: opened.viewer.episode(place))
    timed("episodes side by side", lambda: opened.viewer.compare(place))
    library.close()
    return found
