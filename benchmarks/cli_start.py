"""How long `mem1 --help` takes: a command that is slow to say what it can do is a command not used.

Each start is a fresh process; the median of several is reported. Aim: under 0.5 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def run(quick: bool) -> dict[str, float | str]:
    """Seconds from start to end of `mem1 --help` and of a bare interpreter beside it."""
    repeats = 3 if quick else 11
    return {
        "mem1 --help, seconds": seconds([sys.executable, "-m", "mem1.cli.main", "--help"], repeats),
        "mem1 train --help, seconds": seconds([sys.executable, "-m", "mem1.cli.main", "train", "--help"], repeats),
        "python -c pass, seconds": seconds([sys.executable, "-c", "pass"], repeats),
        "aim": "mem1 --help under 0.5 s",
    }


def seconds(command: list[str], repeats: int) -> float:
    """Median wall time of ``command``."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


if __name__ == "__main__":
    print(run(quick="--quick" in sys.argv))
