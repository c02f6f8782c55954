"""The published environment itself, which says nothing of how a policy writes: an answer holds an action.

Source of the behaviour: princeton-nlp/WebShop, the text environment. Splits and the limit of steps are those of its
baselines.
"""

from __future__ import annotations

import re

from mem1.text import without_tags
from mem1.types import Observation
from mem1.webshop.protocols.base import Reading, offered_actions
from mem1.webshop.shop.kinds import Look
from mem1.webshop.shop.moves import published_move
from mem1.webshop.shop.visit import Visit

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_RULES = """\
You buy in a web shop what a customer asks for. You work in turns; in every turn write:
1. <think> your page: what is wanted, what you have tried and chosen, what to do next </think>
2. <answer> search[words] </answer> where the page has a search, or <answer> click[thing] </answer> with one of the \
things it offers
Click each wanted option before you click click[buy now].
The customer wants: {goals}
"""


class WebshopProtocol:
    """A ``Protocol``; ``look`` is the published observation mode."""

    def __init__(self, look: Look) -> None:
        self._look: Look = look

    def rules(self) -> str:
        """Ours: the published environment has none."""
        return _RULES

    def wish(self, visit: Visit) -> str:
        """The goal."""
        return without_tags(visit.goal.instruction)

    def first(self, visit: Visit, left: int) -> Observation:
        """The start page."""
        return self.show(visit, left)

    def read(self, text: str, visit: Visit) -> Reading:
        """What stands in the first answer, without blanks around it; a text without answer as it is."""
        found = _ANSWER.search(text)
        action = found[1].strip() if found else text
        return Reading(action, valid=published_move(action) is not None)

    def show(self, visit: Visit, left: int) -> Observation:
        """The page in the published form, and what can be done on it."""
        available = " ".join(offered_actions(visit, "search[words]"))
        return Observation(head="", passages=(visit.text(self._look),), tail=f"Available: {available}")

    def paid(self, visit: Visit, *, broken: bool) -> float:
        """The shop's reward."""
        return visit.earned or 0.0
