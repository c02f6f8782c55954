"""Fill the tables of ``docs/strategies.md`` from the runs they show; nothing in them is typed by hand.

    python tools/strategies.py "Factbook=runs/compare-factbook" "NQ=runs/compare-nq"

What stands between ``<!-- measured -->`` and ``<!-- /measured -->`` is written anew: of each run how it was set up, the
verdict and the strategies side by side, in the order given.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from mem1.config import load
from mem1.errors import DataError
from mem1.recipe import Recipe
from mem1.report.data import read_run
from mem1.report.markdown import table_lines
from mem1.report.tables import side_by_side
from mem1.report.verdict import verdict_table

PAGE = Path(__file__).resolve().parents[1] / "docs" / "strategies.md"
_BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->)", re.DOTALL)


def measured(name: str, path: Path) -> str:
    """One run's part of the page. Raises ``DataError`` where it holds no evaluation."""
    data = read_run(path)
    if data.last is None:
        raise DataError("the run holds no evaluation", where=str(path), hint="run mem1 evaluate --compare first")
    recipe, plan = load(Recipe, data.run.config_toml), data.last.plan
    budgets = recipe.memory.budgets
    setup = (
        f"`{plan.policy.model}` as it comes, temperature {plan.temperature:g}; budgets of {budgets.state} (state), "
        f"{budgets.action} (action) and {budgets.observation} (observation) tokens"
        + (f"; equal budgets of {plan.equal_budget} tokens beside the prompt" if plan.equal_budget else "")
        + ("" if data.last.complete else ". **Not complete**: cells still missing are left out")
    )
    verdict = verdict_table(data.last)
    tables = [*([verdict] if verdict else []), side_by_side(data.last)]
    parts = [f"### {name}", f"{setup}."]
    for table in tables:
        parts += ["\n".join(table_lines(table)), table.note]
    return "\n\n".join(parts) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Rewrite the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=DIR", help="a heading and a run directory")
    runs = [entry.partition("=") for entry in parser.parse_args(argv).runs]
    text = "\n".join(measured(name, Path(path)) for name, _, path in runs)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(_BLOCK.sub(lambda found: f"{found[1]}\n{text}\n{found[2]}", page), encoding="utf-8")


if __name__ == "__main__":
    main()
