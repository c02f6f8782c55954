"""What commands print: results on standard output, errors on standard error; tables for people, JSON for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mem1.errors import Mem1Error
from mem1.text import spelled_out

Result = Mapping[str, Any]
_WRAPS = 24  # a column as wide as this, in characters, is still readable when longer texts are wrapped in it


def show(result: Result | Sequence[Result], *, as_json: bool, title: str | None = None) -> None:
    """Print a result (JSON-ready values): a mapping as key and value, a sequence of mappings as rows."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
        return
    console = _Out()
    if isinstance(result, Mapping) and _lines(result, console):
        return
    table = Table(title=title, title_justify="left")
    left_out: list[str] = []
    if isinstance(result, Mapping):
        table.show_header = False
        for key, value in flatten(result):
            table.add_row(Text(key, style="bold"), Text(value))
    else:
        columns, left_out = _fitting(result, console.width)
        for column in columns:
            table.add_column(Text(column), overflow="fold")  # a path goes on in the next line, whole
        for row in result:
            table.add_row(*(Text(shown(row.get(column, ""))) for column in columns))
    console.print(table)
    if left_out:
        left = Text(f"no room for {', '.join(left_out)}: a wider terminal or --json shows all")
        console.print(left, soft_wrap=True)


class _Out(Console):
    """Standard output whose reader may leave (``| head``): that is the command's to take, and no failure."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _lines(result: Result, console: Console) -> bool:
    """Print keys and values as lines where a box would break a value in two, as it does paths; returns whether."""
    pairs = list(flatten(result))
    widest = max((len(key) for key, _ in pairs), default=0)
    if widest + max((len(value) for _, value in pairs), default=0) + 7 <= console.width:
        return False
    for key, value in pairs:
        console.print(Text(f"{key:<{widest}}  ", style="bold").append(value, style="not bold"), soft_wrap=True)
    return True


def _fitting(rows: Sequence[Result], width: int) -> tuple[list[str], list[str]]:
    """The first columns that are readable side by side, at least two of them, and those left out."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    used = 1
    for index, column in enumerate(columns):
        widest = max(len(column), *(len(shown(row.get(column, ""))) for row in rows))
        used += min(widest, _WRAPS) + 3
        if used > width and index >= 2:
            return columns[:index], columns[index:]
    return columns, []


def flatten(result: Result, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Dotted names and printed values of a nested mapping, in its order."""
    for key, value in result.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", shown(value)


def shown(value: object) -> str:
    """A value as a person reads it: four significant digits, no quotes, nothing for ``None``."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.4g}" if abs(value) < 1e4 else f"{value:,.0f}"
        case list() | tuple():
            return ", ".join(shown(part) for part in value)
        case _:
            return str(value)


def show_error(error: Mem1Error, *, as_json: bool) -> None:
    """Say what failed, where, and how to mend it."""
    if as_json:
        record = {"type": type(error).__name__, "what": error.what, "where": error.where, "hint": error.hint}
        print(json.dumps({"error": record}, ensure_ascii=False))
        return
    message = Text("error: ", style="bold red").append(error.what, style="not bold default")
    for label, text in (("where", error.where), ("hint", error.hint)):
        if text:
            message.append(f"\n  {label}: ", style="bold default").append(text, style="not bold default")
    Console(stderr=True, soft_wrap=True).print(message)


def warn(text: str) -> None:
    """What must not be overlooked, on standard error."""
    message = Text("note: ", style="bold yellow").append(spelled_out(text), style="not bold default")
    Console(stderr=True, soft_wrap=True).print(message)


def note(text: str) -> None:
    """A line for people, kept out of standard output."""
    print(text, file=sys.stderr)


def text(line: str, *, dim: bool = False) -> None:
    """Text for people on standard output, as it is; what would hide or reorder it is spelled out."""
    if line:
        Console(soft_wrap=True).print(Text(spelled_out(line), style="dim" if dim else ""))
