"""A session of a thousand turns as a process of its own: resident memory and context by turn, killed again and again.

``mem1 run`` works with a scripted policy on an MCP server that appends lines to a file. Of its calls 10 % fail, 1 %
end with its death, and of the memory's side calls 10 % fail. The process is killed (SIGKILL) 20 times at random and
started again; then every line must be there once, in order. A second session, not killed, shows memory by turn.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

_ROOT = Path(__file__).resolve().parents[1]
_SERVER = _ROOT / "benchmarks" / "parts" / "notes_server.py"
_TURN = re.compile(r"turn (\d+) \| context ([\d,]+)/([\d,]+)")


class Session:
    """A session in ``folder`` that notes ``last`` numbers; see the module."""

    def __init__(
        self, folder: Path, last: int, *, memory: str = "state", failing: float = 0.1, dying: float = 0.01
    ) -> None:
        self.folder, self.last, self.notes = folder / "session", last, folder / "notes"
        python = sys.executable
        begin = [
            "note the numbers",
            "--engine.type",
            "benchmarks.parts.noting:NotingConfig",
            "--engine.last",
            str(last),
        ]
        begin += ["--engine.failing", str(failing), "--memory.type", memory, "--max-turns", str(10 * last)]
        self._begin = [*begin, "--mcp", f"{python} {_SERVER} {self.notes} {failing} {dying}"]
        self.contexts: list[int] = []
        self.bound = 0

    def start(self) -> subprocess.Popen[str]:
        """The process, begun or gone on with."""
        words = [] if (self.folder / "session.db").exists() else self._begin
        command = [sys.executable, "-m", "mem1", "run", *words, "--session", str(self.folder), "--allow-imports"]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT / "src"), str(_ROOT)])}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def work(
        self, until: Callable[[int], bool] = lambda turn: False, *, seen: Callable[[int, int], None] | None = None
    ) -> bool:
        """Work until the end, or until a turn for which ``until`` holds: then it is killed. Whether it is at the end.

        ``seen`` is told each turn and the process's resident memory in it, in KiB.
        """
        with self.start() as process:
            assert process.stderr is not None
            own = psutil.Process(process.pid)
            said: list[str] = []
            for line in process.stderr:
                said = [*said[-20:], line]
                found = _TURN.search(line)
                if found is None:
                    continue
                turn, context, self.bound = (int(one.replace(",", "")) for one in found.groups())
                self.contexts.append(context)
                if seen is not None and psutil.pid_exists(process.pid):
                    seen(turn, own.memory_info().rss >> 10)
                if until(turn):
                    time.sleep(random.uniform(0, 0.03))
                    process.kill()
                    process.wait()
                    return False
            if process.wait() != 0:
                raise RuntimeError("".join(said))
        return True

    def kill(self, times: int) -> int:
        """Work to the end, killed ``times`` times at random turns; how often it was."""
        done = 0
        while done < times:
            left = max(2, int(2 * (self.last - self.count()) / (times - done + 1)))
            first = random.randint(1, left)
            if self.work(_after(first)):
                return done
            done += 1
        self.work()
        return done

    def count(self) -> int:
        """Lines noted so far."""
        return len(self.notes.read_text().split()) if self.notes.exists() else 0

    def task(self) -> dict[str, Any]:
        """The task's record."""
        with sqlite3.connect(self.folder / "session.db") as db:
            found: dict[str, Any] = json.loads(db.execute("SELECT record FROM tasks").fetchone()[0])
        return found


def _after(turns: int) -> Callable[[int], bool]:
    """Whether so many turns were seen."""
    seen = 0

    def until(turn: int) -> bool:
        nonlocal seen
        seen += 1
        return seen > turns

    return until


def run(quick: bool) -> dict[str, float]:
    """Kills, lines lost and doubled; MiB at turns; KiB a turn over the last half; largest context and its bound."""
    last, kills = (100, 4) if quick else (1000, 20)
    with tempfile.TemporaryDirectory() as folder:
        killed = Session(Path(folder) / "killed", last)
        killed.notes.parent.mkdir()
        figures: dict[str, float] = {"kills": killed.kill(kills)}
        noted = [int(line) for line in killed.notes.read_text().split()]
        figures |= {
            "turns": killed.task()["spent"]["turns"],
            "lost": len(set(range(last)) - set(noted)),
            "twice": len(noted) - len(set(noted)),
            "largest context": max(killed.contexts),
            "bound": killed.bound,
        }
        whole = Session(Path(folder) / "whole", last, failing=0.0, dying=0.0)
        whole.notes.parent.mkdir()
        memory: dict[int, int] = {}
        whole.work(seen=lambda turn, kib: memory.__setitem__(turn, kib))
    steps = [last * tenth // 10 for tenth in range(1, 11)]
    figures |= {f"MiB at turn {turn}": memory[turn] / 1024 for turn in steps if turn in memory}
    half = [turn for turn in memory if turn >= last // 2]
    figures["KiB a turn, second half"] = (memory[half[-1]] - memory[half[0]]) / max(1, half[-1] - half[0])
    return figures
