"""Write a run's report: HTML to look at, Markdown to quote, JSON to compute with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mem1.evaluation.records import Evaluation
from mem1.report.data import RunData, read_run
from mem1.report.document import Document, make_document
from mem1.report.html import to_html
from mem1.report.markdown import to_markdown
from mem1.storage.atomic import write_atomic, write_json


@dataclass(frozen=True, slots=True)
class ReportPaths:
    """Where the report was written, what was left out because it is damaged, and what to know before reading it."""

    html: Path
    markdown: Path
    json: Path
    damage: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def build_report(run_dir: Path) -> ReportPaths:
    """Read the run at ``run_dir`` and write its report beside it.

    Works with evaluations only, with training only, and with neither. Raises ``StorageError``.
    """
    data = read_run(run_dir)
    document = make_document(data)
    paths = ReportPaths(
        data.run.report_html, data.run.report_markdown, data.run.report_json, data.damage, document.findings
    )
    write_atomic(paths.html, to_html(document).encode())
    write_atomic(paths.markdown, to_markdown(document).encode())
    write_json(paths.json, to_json(data, document), indent=1)
    return paths


def to_json(data: RunData, document: Document) -> dict[str, Any]:
    """The numbers: facts, evaluations (all but values by task and kept texts), figures as drawn."""
    return {
        "schema_version": 1,
        "run": document.name,
        "findings": list(document.findings),
        "facts": [dataclasses.asdict(fact) for fact in document.facts],
        "evaluations": [_numbers(one) for one in data.evaluations],
        "figures": [dataclasses.asdict(chart) for section in document.sections for chart in section.charts],
        "versions": document.versions,
        "damage": list(document.damage),
    }


def _numbers(evaluation: Evaluation) -> dict[str, Any]:
    return evaluation.model_dump(
        mode="json",
        exclude={"cells": {"__all__": {"values", "tasks", "trace", "stored"}}, "transcripts": True, "plan": {"cells"}},
    )
