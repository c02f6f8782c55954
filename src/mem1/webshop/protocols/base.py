"""What a protocol is, and what those have in common that read published actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from mem1.types import Observation
from mem1.webshop.shop.moves import Click, Search, published_move
from mem1.webshop.shop.visit import Visit, as_shown


@dataclass(frozen=True, slots=True)
class Reading:
    """A turn as a protocol reads it.

    ``action`` is what the shop is given. ``valid``: what the protocol counts as a valid action. ``broken``: the form
    was broken, in a way that ends the episode.
    """

    action: str
    valid: bool
    broken: bool = False


class Protocol(Interface):
    """How one project presents the shop to a policy."""

    def rules(self) -> str:
        """The prompt in our own words, with ``{goals}``."""

    def wish(self, visit: Visit) -> str:
        """What the prompt says in place of ``{goals}``."""

    def first(self, visit: Visit, left: int) -> Observation | None:
        """What is shown beside the prompt before the first turn."""

    def read(self, text: str, visit: Visit) -> Reading:
        """What ``text``, all that was written in a turn, says on the page that is open."""

    def show(self, visit: Visit, left: int) -> Observation:
        """The page that is open, with ``left`` turns left."""

    def paid(self, visit: Visit, *, broken: bool) -> float:
        """What training is paid for the episode so far."""


def written_out(observation: Observation) -> str:
    """The text of an observation that nothing is cut from."""
    parts = (observation.head, *observation.passages, observation.tail)
    return "\n".join(part for part in parts if part)


def offered_actions(visit: Visit, search: str) -> list[str]:
    """All that can be done on the page, as actions; ``search`` stands for a search."""
    bar = [search] if visit.shop.machine.search_bar(visit.state) else []
    return bar + [f"click[{one}]" for one in visit.clickables if one != "search"]


def move_meant(action: str, visit: Visit) -> Search | Click | None:
    """The move that ``action`` is by the published rule.

    Contexts show a look-alike of "<", which policies copy: where the page offers no such thing, "<" is meant.
    """
    move = published_move(action)
    if isinstance(move, Click) and move.target.lower() not in visit.clickables:
        return Click(as_shown(move.target))
    return move
