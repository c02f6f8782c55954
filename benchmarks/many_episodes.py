"""A run with 100,000 episodes: how long until the viewer's list, a search, one episode and the report are there.

The episodes are real ones, played by the scripted expert in the Factbook world under three strategies and stored over
and over under ids of their own by the writer that training and evaluation use. What reads them runs in a process of
its own, so that its memory can be told. Aim: every page and the report in seconds.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mem1.config import Config
from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.records import CellKey, Evaluation, Plan, PolicyInfo
from mem1.evaluation.statistics import METHOD
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.retrieval.bm25.config import Bm25Config
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext, RolloutRequest, run_episode
from mem1.storage.episodes import EpisodeWriter
from mem1.storage.run_dir import RunDir
from mem1.tasks.compose import compose
from mem1.tasks.factbook.source import factbook_world
from mem1.types import Composition, Episode

MEMORIES = {
    "full": FullMemoryConfig().build(),
    "window": WindowMemoryConfig(window=200).build(),
    "state": StateMemoryConfig().build(),
}
SIZES = (1, 2, 4)
TASKS = 16  # of each size, played under each strategy


class Nothing(Config):
    """The run of a benchmark has no configuration."""


def run(quick: bool) -> dict[str, float | str]:
    """Seconds of wall time (and of this process's own work) for each step, and the reader's memory."""
    count = 3_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        path, size = write_run(Path(folder), count)
        written = time.perf_counter() - began
        command = [sys.executable, __file__, "--read", str(path)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "episodes": count,
        "episode file, MB": size / 1e6,
        "written with its evaluation, s": written,
        **found,
        "aim": "every page and the report in seconds",
    }


def write_run(root: Path, count: int) -> tuple[Path, int]:
    """A run with one evaluation of ``count`` episodes; returns its directory and the size of the episode file."""
    made = RunDir.create(root, "many", Nothing())
    played = asyncio.run(play())
    episodes: dict[tuple[str, CellKey], list[Episode]] = {key: [] for key in played}
    with EpisodeWriter(made.episodes("test", compressed=True)) as writer:
        for episode, key in copies(played, count):
            writer.write(episode)
            episodes[key].append(episode)
    bootstrap = Bootstrap(resamples=100)
    cells = [make_cell(strategy, key, some, bootstrap) for (strategy, key), some in episodes.items()]
    plan = Plan(
        label="test",
        policy=PolicyInfo(model="expert"),
        strategies=tuple(MEMORIES),
        cells={key.name: tuple(one.task.id for one in some) for (_, key), some in episodes.items()},
        seed=0,
        temperature=0.0,
        resamples=2000,
        confidence=0.95,
    )
    comparisons = compare_strategies(cells, bootstrap)
    made.write_evaluation(
        "test",
        Evaluation(plan=plan, complete=True, cells=tuple(cells), comparisons=comparisons, intervals=METHOD),
    )
    return made.path, made.episodes("test").stat().st_size


async def play() -> dict[tuple[str, CellKey], list[Episode]]:
    """Real episodes by strategy and size."""
    world, expert = factbook_world(), Expert()
    env = QaEnvConfig(prompt="brief", top_k=1).build(Bm25Config().build(world.passages), StandardScorer())
    found: dict[tuple[str, CellKey], list[Episode]] = {}
    for strategy, memory in MEMORIES.items():
        parts = RolloutContext(ScriptedEngine(expert), env, memory, 0.0, lambda score: score.total("em"))
        for size in SIZES:
            tasks = compose(
                [world], composition=Composition.SEQUENTIAL, objectives=size, count=TASKS, seed=0, split="test"
            )
            for task in tasks:
                request = RolloutRequest(task, f"{strategy}/{task.id}", task.id, seed=0)
                expert.enlist(request.episode_id, task)
                key = strategy, CellKey(Composition.SEQUENTIAL, size)
                found.setdefault(key, []).append(await run_episode(request, parts))
    return found


def copies(
    played: dict[tuple[str, CellKey], list[Episode]], count: int
) -> Iterator[tuple[Episode, tuple[str, CellKey]]]:
    """``count`` episodes: the same copies of each task under every strategy."""
    keys = list(played)
    for number in range(count):
        strategy, key = keys[number % len(keys)]
        copy = number // len(keys)
        episode = played[strategy, key][copy % TASKS]
        task = episode.task.model_copy(update={"id": f"{episode.task.id}-{copy}"})
        name = f"test/{strategy}/{key.name}/{task.id}"
        yield episode.model_copy(update={"id": name, "group_id": task.id, "task": task}), (strategy, key)


def read_run(path: Path) -> dict[str, float]:
    """Everything a reader does, each timed."""
    from mem1.report.build import build_report
    from mem1.report.viewer.filter import Filter
    from mem1.report.viewer.pages import Viewer

    figures: dict[str, float] = {}

    def timed(name: str, do: Callable[[], object]) -> None:
        began, worked = time.perf_counter(), time.process_time()
        do()
        figures[f"{name}, s"] = time.perf_counter() - began
        figures[f"{name}, s of work"] = time.process_time() - worked

    viewer = Viewer(RunDir.open(path))
    timed("viewer's list, first time", lambda: viewer.index({}))
    timed("list again", lambda: viewer.index({}))
    timed("last page by reward", lambda: viewer.index({"order": "-reward", "page": "999999"}))
    timed("search for words", lambda: viewer.index({"q": "capital 4242", "strategy": "state"}))
    (listed, *_), _ = viewer.catalogue.page(Filter(q="capital", order="-objectives"), 1)
    query = {"file": listed.label, "id": listed.entry.id}
    timed("one episode", lambda: viewer.episode(query))
    timed("two side by side", lambda: viewer.compare(query))
    figures["memory of the viewer, MB"] = most_memory()
    timed("report", lambda: build_report(path))
    figures["memory with the report, MB"] = most_memory()
    return figures


def most_memory() -> float:
    """The largest resident size of this process so far. (``ru_maxrss`` would count the process that started it.)"""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


if __name__ == "__main__":
    if "--read" in sys.argv:
        print(json.dumps(read_run(Path(sys.argv[-1]))))
    else:
        print(run(quick="--quick" in sys.argv))
