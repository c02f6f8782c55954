"""Fill README's figures from what the program printed; nothing in them is typed by hand.

    mem1 demo --json > demo.json
    mem1 demo sequential --json > sequential.json
    mem1 bench --json > bench.json
    mem1 bench learning --json > learning.json
    python tools/readme.py --demo demo.json --sequential sequential.json --bench bench.json --learning learning.json

Each block of README between ``<!-- NAME -->`` and ``<!-- /NAME -->`` is written anew, and ``docs/images/demo.svg`` is
drawn from the demo's run.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.report.data import RunData, read_run
from mem1.report.figures.svg_export import write_picture

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "images" / "demo.svg"
SEQUENTIAL = ROOT / "docs" / "images" / "sequential.svg"

# Benchmark, figure, what README calls it, how it is written.
SPEEDS = (
    (
        "packing",
        "small policy: packed against turn rows, CPU time",
        "packed update against one row per turn, group of 8, 16 objectives, the small policy's lengths",
        "{:.2f}x",
    ),
    (
        "packing",
        "small policy: packed against stitched, CPU time",
        "the same against the stitched row (which is not exact)",
        "{:.2f}x",
    ),
    (
        "packing",
        "MEM1: packed against turn rows, CPU time",
        "packed update against one row per turn, the paper's lengths",
        "{:.2f}x",
    ),
    (
        "continuous_batching",
        "ratio_of_cpu_time",
        "continuous batching against lock-step batches, episodes of uneven length",
        "{:.2f}x",
    ),
    (
        "loop_overhead",
        "state, 16 objectives, turns/s",
        "episode loop with a scripted engine, `state`, 16 objectives",
        "{:,.0f} turns a second",
    ),
    ("cli_start", "mem1 --help, seconds", "`mem1 --help`", "{:.2f} s"),
)


def memory_block(summary: Mapping[str, Any], data: RunData) -> str:
    """The table of tasks that have to be remembered: before and after training, edited and rewritten pages."""
    first, last = data.first, data.last
    assert first is not None
    assert last is not None
    trained, *others = last.plan.strategies
    head = ["objectives", "tasks", "EM an objective before", "after training", "of that at 2"]
    head += [f"page rewritten (`{name}`)" for name in others]
    head += [f"peak tokens without the prompt: `{trained}`", *(f"`{name}`" for name in others)]
    keys = sorted({cell.key for cell in last.cells}, key=lambda key: key.objectives)
    at_two = next(cell for cell in last.cells if cell.strategy == trained and cell.objectives == 2)
    rows = []
    for key in keys:
        cell, before = last.cell(trained, key), first.cell(trained, key)
        assert cell is not None
        rest = [last.cell(name, key) for name in others]
        share = cell.metrics[Measure.EM_PER_OBJECTIVE].mean / at_two.metrics[Measure.EM_PER_OBJECTIVE].mean
        rows.append(
            [
                str(key.objectives),
                str(cell.contents),
                _between(before),
                _between(cell),
                f"{100 * share:.0f} %" if key.objectives > 2 else "",
                *map(_between, rest),
                *(_mean(one, Measure.PEAK_WITHOUT_PROMPT, "{:,.0f}") for one in (cell, *rest)),
            ]
        )
    gain = next((value for name, value in summary.items() if name.endswith("parallel-2")), None)
    lines = [
        f"What it printed ({summary['minutes']:.1f} minutes; test countries, all questions asked upfront, one answer "
        "list due at the end, greedy; in brackets 95 % intervals over tasks):",
        "",
        *_table(head, rows),
        "",
        f"Reinforcement learning on two objectives, summed EM: {gain}.",
    ]
    return "\n".join(lines)


def _between(cell: Cell | None) -> str:
    metric = cell.metrics.get(Measure.EM_PER_OBJECTIVE) if cell is not None else None
    if metric is None:
        return ""
    if metric.low is None or metric.high is None:
        return f"{metric.mean:.2f}"
    return f"{metric.mean:.2f} ({metric.low:.2f} … {metric.high:.2f})"


def sequential_block(summary: Mapping[str, Any], data: RunData) -> str:
    """Questions one after another: quality before and after, every strategy's quality and peak, by horizon."""
    first, last = data.first, data.last
    assert first is not None
    assert last is not None
    others = [name for name in last.plan.strategies if name != "state"]
    head = [
        "objectives",
        "summed EM before",
        "after training",
        *(f"EM `{name}`" for name in others),
        "peak tokens without the prompt: `state`",
        *(f"`{name}`" for name in others),
    ]
    rows = []
    for key in sorted({cell.key for cell in last.cells}, key=lambda key: key.objectives):
        state, before = last.cell("state", key), first.cell("state", key)
        assert state is not None
        cells = [last.cell(name, key) for name in others]
        rows.append(
            [
                str(key.objectives),
                _mean(before, Measure.EM, "{:.2f}"),
                _mean(state, Measure.EM, "{:.2f}"),
                *(_mean(cell, Measure.EM, "{:.2f}") for cell in cells),
                _mean(state, Measure.PEAK_WITHOUT_PROMPT, "{:,.0f}"),
                *(_mean(cell, Measure.PEAK_WITHOUT_PROMPT, "{:,.0f}") for cell in cells),
            ]
        )
    gain = next((value for name, value in summary.items() if name.endswith("sequential-2")), None)
    lines = [
        f"What it printed ({summary['minutes']:.1f} minutes; test countries, sequential objectives, greedy, "
        "policy trained on two objectives):",
        "",
        *_table(head, rows),
        "",
        f"At two objectives: {gain}. {_peak_ratio(last)}",
    ]
    return "\n".join(lines)


def _peak_ratio(last: Evaluation) -> str:
    keys = {cell.objectives: cell.key for cell in last.cells if not cell.session}
    told = []
    for name in last.plan.strategies:
        peaks = [_peak(last.cell(name, keys[n])) for n in (2, 32)]
        told.append(f"`{name}` {peaks[1] / peaks[0]:.2f}")
    return f"Peak at 32 objectives as a multiple of that at 2: {', '.join(told)}."


def _peak(cell: Cell | None) -> float:
    assert cell is not None
    return cell.metrics[Measure.PEAK_WITHOUT_PROMPT].mean


def bench_block(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The speed table. Raises ``KeyError`` for a figure that the benchmarks did not print."""
    rows = [[name, form.format(results[bench][figure])] for bench, figure, name, form in SPEEDS]
    return "\n".join(_table(["what", "measured"], rows))


def learning_block(results: Mapping[str, Mapping[str, Any]]) -> str:
    """What training adds, seed by seed, in one sentence."""
    found = results["learning"]
    seeds = [str(value).split(" (")[0] for name, value in found.items() if name.startswith("EM, seed")]
    return (
        f"Trained anew with {len(seeds)} seeds (`mem1 bench learning`): {'; '.join(seeds)} of {found['objectives']}, "
        f"a mean gain of {found['EM, mean gain over seeds']}."
    )


def _mean(cell: Cell | None, measure: Measure, form: str) -> str:
    metric = cell.metrics.get(measure) if cell is not None else None
    return form.format(metric.mean) if metric is not None else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def fill(text: str, name: str, block: str) -> str:
    """``text`` with what stands between the marks of ``name`` replaced. Raises ``ValueError`` without marks."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"README has no block {name!r}: put <!-- {name} --> and <!-- /{name} --> where it goes")
    return pattern.sub(lambda found: found[1] + block + found[2], text)


def main() -> None:
    """Fill the blocks whose source is named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", type=Path, help="what mem1 demo --json printed")
    parser.add_argument("--sequential", type=Path, help="what mem1 demo sequential --json printed")
    parser.add_argument("--bench", type=Path, help="what mem1 bench --json printed")
    parser.add_argument("--learning", type=Path, help="what mem1 bench learning --json printed")
    arguments = parser.parse_args()
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    if arguments.demo is not None:
        summary = json.loads(arguments.demo.read_text(encoding="utf-8"))
        run = Path(summary["report"]).parent
        text = fill(text, "demo", memory_block(summary, read_run(run)))
        write_picture(run, PICTURE, title="One page that remembers: trained on 2 objectives, measured up to 32")
    if arguments.sequential is not None:
        summary = json.loads(arguments.sequential.read_text(encoding="utf-8"))
        run = Path(summary["report"]).parent
        text = fill(text, "sequential", sequential_block(summary, read_run(run)))
        write_picture(
            run, SEQUENTIAL, title="One page of memory: trained on 2 objectives, measured up to 32 and over 200"
        )
    if arguments.bench is not None:
        text = fill(text, "bench", bench_block(json.loads(arguments.bench.read_text(encoding="utf-8"))))
    if arguments.learning is not None:
        text = fill(text, "learning", learning_block(json.loads(arguments.learning.read_text(encoding="utf-8"))))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
