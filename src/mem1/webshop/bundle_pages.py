"""What the rule-based shopper's page holds of a bundle, and how it writes that under a memory.

All that a later turn needs stands on the page from the turn in which it comes up, the option that is just being clicked
among it: whoever reads a page and the observation behind it can write the next page. A page is a few lines: which
thing is being bought, what is still to be chosen for it, the whole dollars that are left, products put back, and what
each thing was bought with. Options begin with the number of their thing, ``(2) color teal``, so that "same as thing 2"
is found by copying what follows ``(2) color``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from mem1.inference.scripted.pages import Pages, edits


@dataclass(frozen=True, slots=True)
class BundlePage:
    """One page.

    ``things`` are the options that each thing was bought with, by name, the one that is being bought among them;
    ``wanted`` those still to be chosen; ``left`` the dollars that can still be paid; ``put_back`` products.
    """

    things: Sequence[Mapping[str, str]]
    wanted: Sequence[tuple[str, str]]
    left: int
    put_back: Sequence[str] = ()

    @property
    def facts(self) -> tuple[str, ...]:
        """A line for each option of each thing."""
        numbered = enumerate(self.things, start=1)
        return tuple(f"({k}) {name} {value}" for k, one in numbered for name, value in one.items())

    @property
    def lines(self) -> tuple[str, ...]:
        """The whole page."""
        now = (f"buy ({len(self.things)})", *(f"{name} {value}" for name, value in self.wanted), f"left {self.left}")
        return (*now, *(f"not {asin}" for asin in self.put_back), *self.facts)


def written_page(page: BundlePage, before: Sequence[str], thoughts: Sequence[str], pages: Pages) -> str:
    """The state block of a turn: how ``page`` is made of the lines that stood there ``before``.

    ``rewritten``: all lines. ``edited``: those that go and those that come. ``noted``, for a memory that keeps every
    turn: the lines about the thing that is being bought, and what is new.
    """
    said = f" {'; '.join(thoughts)}" if thoughts else ""
    if edits(pages):
        struck = (f"\n-{_after_blank(line)}" for line in before if line not in page.lines)
        added = (f"\n+{_after_blank(line)}" for line in page.lines if line not in before)
        return "".join(chain(("<think>=", said), struck, added, ("</think>",)))
    known = set(before) & set(page.facts) if pages == "noted" else set[str]()
    listed = "".join(f"{_after_blank(line)};" for line in page.lines if line not in known)
    return f"<think>{said}|{listed}</think>"


def _after_blank(line: str) -> str:
    """Words stand after a blank, as in running text, so that they have the same tokens wherever they are copied."""
    return line if line.startswith("(") else f" {line}"


def referred(links: Mapping[str, int], things: Sequence[Mapping[str, str]]) -> list[str]:
    """What earlier things decide, looked up: ``(2) color teal``. ``links``: name -> number of the thing, from 1."""
    found = ((k, name, things[k - 1].get(name)) for name, k in links.items() if 0 < k <= len(things))
    return [f"({k}) {name} {value}" for k, name, value in found if value is not None]


def paid(left: int, cost: float) -> tuple[int, str]:
    """What is left after a purchase, never too much, and how it is worked out: ``220-15=204``.

    In whole dollars, and a dollar that was begun counts: the figures before the points are copied, and one step of
    arithmetic remains.
    """
    rest = max(0, left - int(cost) - 1)
    return rest, f"{left}-{int(cost)}={rest}"
