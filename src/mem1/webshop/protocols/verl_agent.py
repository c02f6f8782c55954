"""verl-agent's shop. Source of the behaviour: verl-agent, ``env_package/webshop`` and ``env_manager.py``.

A turn is a thought and an action, read in lower case; a turn without an action is one that changes nothing, and no
form ends the episode. Training is paid 10 for a reward of 1 and nothing for less. A page is shown without the goal,
each of its texts in quotation marks.
"""

from __future__ import annotations

import re

from mem1.text import without_tags
from mem1.types import Observation
from mem1.webshop.protocols.base import Reading, offered_actions
from mem1.webshop.shop.pages import SEPARATOR
from mem1.webshop.shop.visit import Visit

WON = 10.0
_OPENING, _CLOSING = "<action>", "</action>"
_KEPT = 20  # characters of a turn without an action
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_RULES = """\
You buy in a web shop what a customer asks for. You work in turns; in every turn write two blocks:
1. <think> your reasoning about the page and what to do next </think>
2. <action> one of the admissible actions </action>
Actions are search[words], where the page has a search, and click[thing] with one of the things it offers. Click each \
wanted option before you click click[buy now].
The customer wants: {goals}
"""


class VerlAgentProtocol:
    """A ``Protocol``."""

    def rules(self) -> str:
        """Ours: the published wording is its authors'."""
        return _RULES

    def wish(self, visit: Visit) -> str:
        """The goal."""
        return without_tags(visit.goal.instruction)

    def first(self, visit: Visit, left: int) -> Observation:
        """The start page."""
        return self.show(visit, left)

    def read(self, text: str, visit: Visit) -> Reading:
        """What stands between the first tags of an action, wherever these are; valid where there is a thought too."""
        lowered = text.lower()
        begins, ends = lowered.find(_OPENING), lowered.find(_CLOSING)
        if begins < 0 or ends < 0:
            return Reading(lowered[-_KEPT:], valid=False)
        thought = "<think>" in text and "</think>" in text
        action = lowered[begins + len(_OPENING) : ends].strip()
        return Reading(action, valid=thought and not _CHINESE.search(text))

    def show(self, visit: Visit, left: int) -> Observation:
        """What stands behind the goal, and the admissible actions."""
        return Observation(head="", passages=(quoted(visit),), tail="\n".join(["Admissible actions:", *listed(visit)]))

    def paid(self, visit: Visit, *, broken: bool) -> float:
        """10 or nothing."""
        return WON if visit.earned == 1.0 else 0.0


def quoted(visit: Visit) -> str:
    """The page's texts behind the goal, each in quotation marks; a page without the goal stays as it is."""
    page = visit.text("text")
    texts = page.split(SEPARATOR)
    goal = visit.goal.instruction.strip()
    if goal not in texts:
        return page
    return SEPARATOR.join(f"'{text}'" for text in texts[texts.index(goal) + 1 :])


def listed(visit: Visit) -> list[str]:
    """What can be done, one a line; the search button is among it, as published."""
    button = ["click[search]"] if "search" in visit.clickables else []
    offered = offered_actions(visit, "search[<your query>]")
    return [f"'{action}'," for action in (*offered[:1], *button, *offered[1:])]
