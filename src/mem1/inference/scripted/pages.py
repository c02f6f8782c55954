"""How a scripted policy writes its page: rewritten whole, edited by lines, or only what is new; and its summaries.

The form is one that a small transformer can copy by. A value is written beside its label while it is read, so that the
label finds it; then it stands in a list behind ``|`` whose items begin with the number of their question and end with
``;``, ``(3) Lima;``, so that an item is found by its number however many there are and however alike they are, and that
what follows a value does not depend on which one is the last; what is pending follows a ``?``.
Words stand after a blank, as in running text, so that they have the same tokens wherever they are copied.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

from mem1.actions.quoting import QUOTE
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state_gated import GatedStateMemoryConfig

Pages = Literal["rewritten", "edited", "quoted", "noted"]
"""``rewritten``: the whole page in every turn; ``edited``: what is added and struck, for ``state_gated``; ``quoted``:
the same, and the answer is the page's list, by its sign;
``noted``: each value once, under its number, when it is found, for memories that keep what was written themselves."""

Item = tuple[int, str]
_ASKING = ("summary", "notes")
_UNDER: dict[str, Pages] = {"state_gated": "edited", "full": "noted", "summary": "noted"}


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to the page in one turn.

    ``read`` is what was just read ("capital: Lima"), ``items`` what stands on the list and stays, ``struck`` the
    numbers that leave it, ``added`` what joins it, ``pending`` what is looked up now, ``was_pending`` whether the old
    page said what was looked up.
    """

    read: str = ""
    items: tuple[Item, ...] = ()
    struck: tuple[int, ...] = ()
    added: tuple[Item, ...] = ()
    pending: str = ""
    was_pending: bool = False

    @property
    def list(self) -> tuple[Item, ...]:
        """The items on the new page."""
        return self.items + self.added


def pages_under(memory: MemoryConfig) -> Pages:
    """How the expert writes under a memory."""
    if isinstance(memory, GatedStateMemoryConfig) and memory.quotes:
        return "quoted"
    return _UNDER.get(memory.type, "rewritten")


def works_under(memory: MemoryConfig) -> bool:
    """Whether the expert answers what a memory asks in side calls: summaries and notes, or nothing at all."""
    return not memory.side_tokens or memory.type in _ASKING


def edits(pages: Pages) -> bool:
    """Whether only what changes is written."""
    return pages in ("edited", "quoted")


def write_page(change: Change, pages: Pages) -> str:
    """The state block of a turn."""
    if edits(pages):
        return f"<think>{_edits(change)}</think>"
    listed = change.list if pages == "rewritten" else change.added
    read = f" {change.read}" if change.read else ""
    begins = "|" if listed or change.pending.startswith("(") else ""
    return f"<think>{read}{begins}{listing(listed)}{_pending(change.pending)}</think>"


def write_summary(items: tuple[Item, ...], pending: str, closing: str) -> str:
    """What a summariser keeps, or a note: ``|(1) Lima;?(2) capital of Peru``, then the tag that ends it."""
    begins = "|" if items or pending.startswith("(") else ""
    return f"{begins}{listing(items)}{_pending(pending)}".strip() + closing


def spoiled(change: Change, rng: random.Random, pages: Pages) -> Change:
    """The same with a mistake on the page: an item twice, or (where the page is rewritten) one in the wrong place."""
    if pages != "rewritten":
        return replace(change, added=change.added * 2)
    items = list(change.list)
    moved = items.pop(rng.randrange(len(items)))
    if rng.random() < 0.7:
        items.insert(rng.randint(0, len(items)), moved)
    items.insert(rng.randint(0, len(items)), moved)
    return replace(change, items=tuple(items), added=())


def listing(items: tuple[Item, ...]) -> str:
    """``(1) Lima;(2) Accra;``."""
    return "".join(f"({number}) {value};" for number, value in items)


def write_list(items: tuple[Item, ...], pages: Pages) -> str:
    """The answer to all questions: what stands on the list, or the sign that stands for it."""
    return QUOTE if pages == "quoted" else listing(items)


def _edits(change: Change) -> str:
    read = f" {change.read}" if change.read else ""
    lines = [
        *(["-?"] if change.was_pending else []),
        *(f"-({number})" for number in change.struck),
        *(f"+({number}) {value}" for number, value in change.added),
        *([f"+{_pending(change.pending).lstrip()}"] if change.pending else []),
    ]
    return "".join(["=", read, *(f"\n{line}" for line in lines)])


def _pending(pending: str) -> str:
    """``?(2) capital of Peru``, or `` ? capital of Peru`` where questions bear no numbers."""
    if not pending:
        return ""
    return f"?{pending}" if pending.startswith("(") else f" ? {pending}"
