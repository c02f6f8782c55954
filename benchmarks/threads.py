"""A twelfth of a demo's training step under several ways of waiting for threads: alone, and beside two busy processes.

    python benchmarks/threads.py [--quick] [--json] [--rounds N]

One process a setting, which keeps its model between steps; the settings take turns step by step, so that whatever else
the machine does falls on all of them alike. Two more processes that only count are run for the second half. How
threads wait is read from the environment when OpenMP is loaded, so that no setting can be changed within a process.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

OWN = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "OpenMP's own": {},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
SHIPPED = "mem1's choice"
TASKS = 2


class Worker:
    """A process that trains one step whenever it is told to."""

    def __init__(self, settings: Mapping[str, str], steps: int) -> None:
        kept = {name: value for name, value in os.environ.items() if name not in OWN}
        command = [sys.executable, __file__, "--work", str(steps)]
        self._process = subprocess.Popen(
            command, env=kept | dict(settings), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._read()

    def step(self) -> tuple[float, float]:
        """Seconds on the clock and of processors."""
        self._pipe(self._process.stdin).write("go\n")
        self._pipe(self._process.stdin).flush()
        wall, cpu = json.loads(self._read())
        return wall, cpu

    def end(self) -> None:
        """Let it go."""
        self._process.kill()
        self._process.wait()

    def _read(self) -> str:
        line = self._pipe(self._process.stdout).readline()
        if not line:
            raise RuntimeError("a worker died")
        return line

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        assert pipe is not None
        return pipe


def work(steps: int) -> None:
    """Train, waiting before each step for a line on standard input; say what the step took."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    took: list[tuple[float, float]] = []

    def hold() -> None:
        if took:
            began = took.pop()
            spent = (time.perf_counter() - began[0], time.process_time() - began[1])
            answers.write(json.dumps(spent) + "\n")
        else:
            answers.write("ready\n")
        answers.flush()
        if not sys.stdin.readline():
            sys.exit()
        took.append((time.perf_counter(), time.process_time()))

    _train(steps, hold)


def _train(steps: int, hold: Callable[[], None]) -> None:
    from rich.console import Console

    from mem1.config import load
    from mem1.event_loop import command_loop
    from mem1.recipe import Recipe
    from mem1.rollout.group import as_groups
    from mem1.runtime.build import build
    from mem1.runtime.play import play
    from mem1.runtime.tasks import train_tasks
    from mem1.storage.run_dir import RunDir
    from mem1.train.trainer import Trainer
    from mem1.types import EpisodeGroup

    sizes = [f"train.steps={steps}", f"train.checkpoint_every={steps}", f"train.tasks_per_step={TASKS}"]
    recipe = load(Recipe, "sequential", [*sizes, "train.no_signal_limit=1000"])
    with tempfile.TemporaryDirectory() as folder, command_loop():
        built = build(recipe, trains=True)
        pool = train_tasks(recipe, built.world.sources)

        def rollout(step: int) -> list[EpisodeGroup]:
            hold()
            tasks = pool[step * TASKS : (step + 1) * TASKS]
            return as_groups(play(built, tasks, f"train/{step}", size=recipe.train.group_size))

        run = RunDir.create(Path(folder), "threads", recipe)
        quiet = Console(quiet=True)
        Trainer(built.trainable.trained, recipe.train, run, rollout=rollout, console=quiet).train()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Processes that only count, while the block runs."""
    code = "import os\nparent = os.getppid()\nwhile os.getppid() == parent: pass"  # they end with this process
    others = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(count)]
    try:
        yield
    finally:
        for one in others:
            one.kill()
            one.wait()


def measure(workers: Mapping[str, Worker], rounds: int) -> dict[str, tuple[float, float]]:
    """Medians over the rounds, in each of which every worker takes one step, in a new order."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in workers}
    order = random.Random(0)
    for _ in range(rounds):
        for name in order.sample(list(workers), len(workers)):
            found[name].append(workers[name].step())
    return {name: (_median(one[0] for one in some), _median(one[1] for one in some)) for name, some in found.items()}


def _median(values: Iterator[float]) -> float:
    return statistics.median(values)


def run(
    quick: bool,
    rounds: int | None = None,
    others: Sequence[int] = (0, 2),
    spins: Sequence[int] = (),
    without: Sequence[str] = (),
) -> dict[str, float | str]:
    """Seconds of each setting, wall and processor, as multiples of the first one's; and how busy the machine was."""
    from mem1.threads import CHOICE

    rounds = rounds or (3 if quick else 9)
    settings = {**SETTINGS, SHIPPED: CHOICE} | {f"spin {count}": {"GOMP_SPINCOUNT": str(count)} for count in spins}
    settings = {name: one for name, one in settings.items() if name not in without}
    first = next(iter(settings))
    workers: dict[str, Worker] = {}
    results: dict[str, float | str] = {}
    try:
        for name, one in settings.items():
            workers[name] = Worker(one, len(others) * rounds + 2)
            workers[name].step()  # the first one pays for what is loaded late
        for count in others:
            with busy(count):
                load = os.getloadavg()[0]
                found = measure(workers, rounds)
            where = f"beside {count} busy" if count else "alone"
            wall, cpu = found[first]
            results[f"{where}: load when it began"] = round(load, 1)
            results[f"{where}: {first}, seconds"] = round(wall, 2)
            results[f"{where}: {first}, processor seconds"] = round(cpu, 2)
            for name, (seconds, spent) in list(found.items())[1:]:
                results[f"{where}: {name}"] = f"{seconds / wall:.2f}x ({spent / cpu:.2f}x processor)"
    finally:
        for worker in workers.values():
            worker.end()
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="ways of waiting for threads, alone and beside busy processes")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--others", type=int, nargs="+", default=[0, 2], help="busy processes beside it")
    parser.add_argument("--spins", type=int, nargs="*", default=[], help="further spin counts to try")
    parser.add_argument("--without", nargs="*", default=[], help="settings to leave out: a busy machine takes minutes")
    parser.add_argument("--work", type=int, metavar="STEPS", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work)
        return
    results = run(arguments.quick, arguments.rounds, arguments.others, arguments.spins, arguments.without)
    for name, value in results.items():
        if not arguments.json:
            print(f"{name}: {value}")
    if arguments.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
