"""Print a policy's entry for ``src/mem1/report/beside/taught_alike.toml`` from the evaluations that measured it.

    python tools/taught_alike.py --saw "49 million row tokens of wide lessons under full" runs/full >> ENTRY

Several runs are one policy measured in parts; a number of objectives stands in one of them only.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from mem1.errors import DataError
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell
from mem1.report.data import read_whole_run
from mem1.types import Composition


def entry(runs: Sequence[Path], seed: int, saw: str) -> str:
    """The lines of one ``[[policies]]``. Raises ``DataError`` where the runs are not one memory, each length once."""
    cells = [(path, cell) for path in runs for cell in _cells(path)]
    memories = sorted({cell.strategy for _, cell in cells})
    if len(memories) != 1:
        raise DataError(
            f"the runs hold several memories: {', '.join(memories)}",
            where=", ".join(map(str, runs)),
            hint="make an entry for each",
        )
    found: dict[int, Cell] = {}
    for path, cell in cells:
        if cell.objectives in found:
            raise DataError(
                f"{cell.objectives} objectives stand in two runs", where=str(path), hint="name the larger run only"
            )
        found[cell.objectives] = cell
    lines = ["[[policies]]", f'memory = "{memories[0]}"', f"seed = {seed}", f"saw = {json.dumps(saw)}"]
    return "\n".join([*lines, *(_line(cell) for _, cell in sorted(found.items()))]) + "\n"


def _cells(path: Path) -> list[Cell]:
    last = read_whole_run(path).last
    cells = [one for one in (last.cells if last else ()) if one.composition == Composition.PARALLEL]
    if last is None or not cells or not last.complete:
        raise DataError(
            "the run holds no finished evaluation of parallel tasks", where=str(path), hint="evaluate it first"
        )
    return cells


def _line(cell: Cell) -> str:
    score, peak = cell.metrics[Measure.EM_PER_OBJECTIVE], cell.metrics[Measure.PEAK_WITHOUT_PROMPT]
    if score.low is None or score.high is None:
        raise DataError(
            f"{cell.objectives} objectives have no interval", where=cell.strategy, hint="evaluate more than one task"
        )
    bounds = f"mean = {score.mean:.4f}, low = {score.low:.4f}, high = {score.high:.4f}"
    return f"at.{cell.objectives} = {{ n = {score.n}, {bounds}, peak = {peak.mean:.1f} }}"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the entry."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of mem1 evaluate")
    parser.add_argument("--seed", type=int, default=0, help="the seed it was taught with")
    parser.add_argument("--saw", required=True, help="what it was taught on, in words")
    arguments = parser.parse_args(argv)
    print(entry(arguments.runs, arguments.seed, arguments.saw))


if __name__ == "__main__":
    main()
