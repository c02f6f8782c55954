"""The papers' grid with a user's own runs in it: HTML to look at, Markdown to quote, JSON to compute with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mem1.report.build import ReportPaths
from mem1.report.data import unique
from mem1.report.document import Document, Section
from mem1.report.html import to_html
from mem1.report.markdown import to_markdown
from mem1.report.paper.published import Published, published
from mem1.report.paper.rows import OwnRow, own_rows
from mem1.report.paper.tables import HORIZONS, per_objective, scorers_of, single, summed, training, web, webshop
from mem1.report.tables import Table
from mem1.storage.atomic import write_atomic
from mem1.storage.run_dir import RunDir


def build_paper_report(runs: Sequence[Path], folder: Path | None = None) -> ReportPaths:
    """Write the report of ``runs`` into ``folder`` (``None``: the first run's directory).

    Reads evaluations and episodes, runs nothing. Raises ``StorageError``.
    """
    rows = own_rows(runs)
    document = make_paper_document(rows, published())
    paths = _paths(folder if folder is not None else RunDir.open(runs[0]).path)
    write_atomic(paths.html, to_html(document).encode())
    write_atomic(paths.markdown, to_markdown(document).encode())
    write_atomic(paths.json, (json.dumps(to_json(rows, published()), ensure_ascii=False, indent=1) + "\n").encode())
    return paths


def make_paper_document(rows: Sequence[OwnRow], papers: Published) -> Document:
    """The tables in reading order: for each way of scoring the sums, the shares, the horizons; then WebShop."""
    answers = [row for row in rows if row.domain in ("qa", "web")]
    own = [row for row in answers if row.domain == "qa"]
    online = [row for row in answers if row.domain == "web"]
    shop = [row for row in rows if row.domain == "webshop"]
    sections = []
    for scorer in scorers_of(answers):
        tables = [summed(own, papers, scorer, n) for n in HORIZONS]
        tables += [make(own, papers, scorer) for make in (per_objective, training, single)]
        tables.append(web(online, papers, scorer))
        found = tuple(table for table in tables if table is not None)
        if found:
            sections.append(Section(_anchor(scorer), f"Scored by {scorer}", _lead(scorer), tables=found))
    sections.append(_shop(webshop(shop, papers)))
    runs = unique(row.run for row in rows)
    return Document(
        name="Beside the published figures",
        subtitle="runs: " + (", ".join(runs) if runs else "none with an evaluation"),
        findings=(),
        facts=(),
        sections=tuple(sections),
        episodes=(),
        versions={},
    )


def to_json(rows: Sequence[OwnRow], papers: Published) -> dict[str, Any]:
    """The numbers: own rows by scorer, each metric with its interval and n, and the published figures as printed."""
    return {
        "schema_version": 1,
        "own": [
            {
                "run": row.run,
                "evaluation": row.label,
                "model": row.model,
                "version": row.version,
                "strategy": row.strategy,
                "composition": str(row.composition),
                "domain": row.domain,
                "scorer": row.scorer,
                "at": {
                    str(n): {str(name): metric.model_dump() for name, metric in metrics.items()}
                    for n, metrics in row.at.items()
                },
            }
            for row in rows
        ],
        "published": papers.model_dump(mode="json"),
    }


def _paths(folder: Path) -> ReportPaths:
    return ReportPaths(folder / "paper.html", folder / "paper.md", folder / "paper.json")


def _anchor(scorer: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in scorer)


def _lead(scorer: str) -> str:
    return (
        f"Your rows in this section are scored by {scorer} and no other; sums and shares stand in tables of their own. "
        "Published rows are as printed: other models, tasks and machines than yours."
    )


def _shop(table: Table) -> Section:
    return Section("webshop", "Web shopping", "Rewards are the environment's.", tables=(table,))
