"""What the list shows and in which order: read from an address, written as one, and as a condition in SQL."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from mem1.errors import DataError
from mem1.types import Composition, Record, StopReason

OUTCOMES: dict[str, str] = {
    "all right": "met >= objectives",
    "some wrong": "met < objectives",
    "none right": "met = 0",
    "not scored": "met IS NULL",
    "failed": "error IS NOT NULL",
}
ORDERS: dict[str, str] = {
    "written": "n",
    "id": "id",
    "strategy": "strategy",
    "objectives": "objectives",
    "reward": "reward",
    "advantage": "advantage",
    "met": "met",
    "f1": "f1_sum",
    "turns": "turns",
    "peak": "peak_without_prompt",
    "tokens": "tokens",
    "seconds": "seconds",
}
_WORD = re.compile(r'"([^"]+)"|(\S+)')


class Filter(Record):
    """Which episodes, in which order. Empty text means all; ``order`` with a minus in front is descending.

    ``fold`` is ``group`` where episodes of one group stand under one head, else empty.
    ``q`` is words that must all occur in an episode's id, questions or answers (``"in quotes"``: one phrase).
    """

    q: str = ""
    label: str = ""
    strategy: str = ""
    composition: str = ""
    objectives: str = ""
    stop: str = ""
    outcome: str = ""
    low: str = ""
    high: str = ""
    group: str = ""
    fold: str = ""
    order: str = ""
    page: int = 0

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filter:
        """From an address; what other pages' addresses hold besides is passed over.

        Raises ``DataError`` for a value that the field cannot have.
        """
        known = {name: value.strip() for name, value in query.items() if name in cls.model_fields}
        page = known.pop("page", "0")
        if not page.isdecimal() or len(page) > 9:
            raise _bad("page", page, "use the links of the list")
        chosen = cls(page=int(page), **known)
        choices = {
            "composition": (chosen.composition, tuple(Composition)),
            "stop": (chosen.stop, tuple(StopReason)),
            "outcome": (chosen.outcome, tuple(OUTCOMES)),
            "fold": (chosen.fold, ("group",)),
            "order": (chosen.order.removeprefix("-"), tuple(ORDERS)),
        }
        for name, (value, allowed) in choices.items():
            if value and value not in allowed:
                raise _bad(name, value, f"one of {', '.join(allowed)}")
        if chosen.objectives and not (chosen.objectives.isdecimal() and len(chosen.objectives) < 10):
            raise _bad("objectives", chosen.objectives, "a whole number")
        for name, value in (("low", chosen.low), ("high", chosen.high)):
            if value and _number(value) is None:
                raise _bad(name, value, "a number")
        return chosen

    @property
    def words(self) -> list[str]:
        """What is searched for, without regard to capitals."""
        return [(phrase or word).casefold() for phrase, word in _WORD.findall(self.q)]

    @property
    def active(self) -> bool:
        """Whether anything is left out."""
        return any(value for name, value in self.model_dump().items() if name not in ("fold", "order", "page"))

    def condition(self) -> tuple[str, list[object]]:
        """An SQL condition over ``episodes`` (with ``words`` joined) and its parameters."""
        parts: list[str] = []
        values: list[object] = []
        for name in ("label", "strategy", "composition", "stop"):
            if value := getattr(self, name):
                parts.append(f"{name} = ?")
                values.append(value)
        if self.group:
            parts.append("group_id = ?")
            values.append(self.group)
        if self.objectives:
            parts.append("objectives = ?")
            values.append(int(self.objectives))
        if self.outcome:
            parts.append(OUTCOMES[self.outcome])
        for value, comparison in ((self.low, ">="), (self.high, "<=")):
            if value:
                parts.append(f"reward {comparison} ?")
                values.append(_number(value))
        for word in self.words:
            parts.append("instr(text, ?) > 0")
            values.append(word)
        return " AND ".join(parts) or "1", values

    def sorting(self) -> str:
        """An SQL order in which what is not known comes last, and ties stand as they were written."""
        name = self.order.removeprefix("-") or "written"
        column, direction = ORDERS[name], "DESC" if self.order.startswith("-") else "ASC"
        return f"{column} IS NULL, {column} {direction}, n"

    def sorting_groups(self) -> str:
        """The same for groups: by the mean of a number, the first of a text, else as they were begun."""
        name = self.order.removeprefix("-") or "written"
        column, direction = ORDERS[name], "DESC" if self.order.startswith("-") else "ASC"
        value = f"min({column})" if name in ("written", "id", "strategy") else f"avg({column})"
        return f"{value} IS NULL, {value} {direction}, min(n)"

    def query(self, **changes: object) -> str:
        """This filter, with some fields changed, as the query of an address; ``page`` starts anew unless given."""
        values = self.model_dump() | {"page": 0} | changes
        return urlencode({name: value for name, value in values.items() if value})

    def sorted_by(self, name: str) -> str:
        """The query of the list sorted by a column: descending first, the other way round if it is already."""
        return self.query(order=name if self.order == f"-{name}" else f"-{name}")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _bad(name: str, value: str, hint: str) -> DataError:
    return DataError(f"no such {name}: {value!r}", where=name, hint=hint)
