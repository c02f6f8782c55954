"""The report as Markdown: the same numbers, for terminals, issues and version control."""

from __future__ import annotations

import re

from mem1.report.document import Document
from mem1.report.tables import Column, Entry, Table, chart_table


def to_markdown(document: Document) -> str:
    """The facts, tables and figures' numbers of ``document``."""
    lines = [f"# {escape(document.name)}", "", escape(document.subtitle), ""]
    if document.findings:
        lines += [*(f"- **Note:** {escape(text)}" for text in document.findings), ""]
    lines += [f"**Left out, damaged:** {escape(one)}\n" for one in document.damage]
    for fact in document.facts:
        lines.append(f"- **{escape(fact.figure)}** {escape(fact.meaning)}: {escape(fact.basis)}")
    for section in document.sections:
        lines += ["", f"## {escape(section.title)}", "", escape(section.lead)]
        for table in (*section.tables, *section.folded):
            lines += ["", f"### {escape(table.title)}", "", *table_lines(table), "", escape(table.note)]
        for chart in section.charts:
            table = chart_table(chart)
            lines += ["", f"### {escape(chart.title)}", "", escape(chart.caption), "", *table_lines(table)]
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """``text`` as Markdown that shows it: no markup, no table border, no line break."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"([\\`*_\[\]|#])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def table_lines(table: Table) -> list[str]:
    """A table's rows, its head first."""
    heads = [_head(column) for column in table.columns]
    rules = ["---:" if column.numeric else "---" for column in table.columns]
    rows = [[_entry(entry) for entry in row] for row in table.rows]
    return [f"| {' | '.join(row)} |" for row in (heads, rules, *rows)]


def _head(column: Column) -> str:
    return escape(f"{column.head} ({column.unit})" if column.unit else column.head)


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    if entry.strong:
        text = f"**{text}**"
    return f"{text} ({escape(entry.aside)})" if entry.aside else text
