"""Wide tables in several, one below the other: none is wider than a page, and each says what its lines are about."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.report.tables import Column, Entry, Table

ROOM = 1100
"""Pixels that a table may need; pages give it a little more."""
PHONE = 300
"""Pixels that a telephone has for one: a wider table is shown there as a card for each line."""
LONG = 44
"""Characters of an entry from which on it is broken into lines."""
_CHARACTER, _SMALL, _GAP = 8.4, 7.2, 15.0  # pixels of the widest usual font, of an aside, and between columns


def fitted(table: Table, room: float = ROOM) -> list[Table]:
    """``table``, its columns shared out among as many tables as are needed; the leading text columns stand in each.

    A column that belongs to the one before stays with it.
    """
    widths = [_width(column, [row[k] for row in table.rows]) for k, column in enumerate(table.columns)]
    leading = next((k for k, column in enumerate(table.columns) if column.numeric), len(table.columns))
    leading = min(leading, 2)
    parts: list[list[int]] = [[]]
    used = start = sum(widths[:leading])
    for some in _together(table.columns, leading):
        wide = sum(widths[k] for k in some)
        if parts[-1] and used + wide > room:
            parts.append([])
            used = start
        parts[-1] += some
        used += wide
    if len(parts) == 1:
        return [table]
    return [_of(table, [*range(leading), *part]) for part in parts]


def too_wide(table: Table) -> bool:
    """Whether a telephone has no room for it."""
    columns = zip(table.columns, zip(*table.rows, strict=True), strict=True) if table.rows else ()
    return sum(_width(column, entries) for column, entries in columns) > PHONE


def _together(columns: Sequence[Column], start: int) -> list[list[int]]:
    found: list[list[int]] = []
    for k in range(start, len(columns)):
        if columns[k].joined and found:
            found[-1].append(k)
        else:
            found.append([k])
    return found


def _of(table: Table, chosen: Sequence[int]) -> Table:
    return Table(
        title=table.title,
        note=table.note,
        columns=tuple(table.columns[k] for k in chosen),
        rows=tuple(tuple(row[k] for k in chosen) for row in table.rows),
    )


def _width(column: Column, entries: Sequence[Entry]) -> float:
    """About how many pixels a column takes; heads break between words."""
    words = [*column.head.split(), *column.unit.split()]
    head = max((len(word) for word in words), default=0) * _CHARACTER
    text = max((min(len(one.text), LONG) for one in entries), default=0) * _CHARACTER
    aside = max((min(len(one.aside), LONG) for one in entries), default=0)
    return max(head, text + (aside * _SMALL + _GAP / 2 if aside else 0)) + _GAP
