"""MEM1's shop. Source of the behaviour: MIT-MI/MEM1, ``generation_webagent.py`` and ``rollout/env/webshop``.

A turn is a thought, a summary and an answer, each exactly once; anything else ends the episode with a reward of -1,
but for an empty turn, which changes nothing. The answer's ``&gt;`` means ``>``. The prompt names the goal and what the
start page offers; the page itself is not shown before the first turn.
"""

from __future__ import annotations

import re
from collections import Counter

from mem1.text import without_tags
from mem1.types import Observation
from mem1.webshop.protocols.base import Reading, offered_actions
from mem1.webshop.shop.visit import Visit

_BLOCKS = ("think", "summary", "answer")
_TAG = re.compile(r"</?(\w+)>")
_WHOLE = {name: re.compile(rf"<{name}>(.*?)</{name}>", re.DOTALL) for name in _BLOCKS}
_END = "</answer>"
_SEARCH = "search[<content>]"
_SEARCHED = re.compile(r"search\[(.*?)\]")
_CLICKED = re.compile(r"click\[(.*?)\]")
_RULES = """\
You buy in a web shop what a customer asks for. You work in turns; in every turn write three blocks, each once:
1. <think> your reasoning about the page and what to do next </think>
2. <summary> your page: what is wanted, what you have tried and chosen, everything you need later </summary>
3. <answer> one of the available actions </answer>
Actions are search[words], where the page has a search, and click[thing] with one of the things it offers.
After each turn you are shown the next page between <state> and </state>, with what is available on it. Everything \
older than your last summary, your last answer and that page is gone. Click each wanted option before you click \
click[buy now]. A turn that is not these three blocks ends the task.
{goals}
"""


class Mem1Protocol:
    """A ``Protocol``."""

    def rules(self) -> str:
        """Ours: the released wording is its authors'."""
        return _RULES

    def wish(self, visit: Visit) -> str:
        """The goal, and what the start page offers."""
        available = ", ".join(offered_actions(visit, _SEARCH))
        return f"Instruction: {without_tags(visit.goal.instruction)}\nAvailable actions: {available}"

    def first(self, visit: Visit, left: int) -> None:
        """Nothing."""

    def read(self, text: str, visit: Visit) -> Reading:
        """What stands in the first answer; nothing counts behind its end."""
        text = text.partition(_END)[0] + _END if _END in text else text
        found = _WHOLE["answer"].search(text)
        action = found[1].strip().replace("&gt;", ">") if found else ""
        return Reading(action, _is_valid(action, visit), broken=bool(text) and not is_whole(text))

    def show(self, visit: Visit, left: int) -> Observation:
        """Hint, page and available actions; the page alone is cut where there is no room."""
        available = offered_actions(visit, _SEARCH)
        return Observation(
            head=f"{_hint(left)}\n",
            passages=(f"{visit.text('text')}\n",),
            tail=f"Current available actions: {available}",
        )

    def paid(self, visit: Visit, *, broken: bool) -> float:
        """The shop's reward, or -1."""
        return -1.0 if broken else visit.earned or 0.0


def is_whole(text: str) -> bool:
    """Whether a turn holds each of the three blocks exactly once, and no tag of theirs besides."""
    tags = Counter(_TAG.findall(text))
    return all(tags[name] == 2 and len(_WHOLE[name].findall(text)) == 1 for name in _BLOCKS)


def _is_valid(action: str, visit: Visit) -> bool:
    """Whether the action is one of those offered, as the released environment counts them."""
    offered = offered_actions(visit, _SEARCH)
    if _SEARCHED.match(action) and _SEARCH in offered:
        return True
    clicked = _CLICKED.match(action)
    return clicked is not None and f"click[{clicked[1].strip()}]" in offered


def _hint(left: int) -> str:
    if left > 1:
        return f"[HINT]You have {left} turns left.[/HINT]"
    return "[HINT]You have 1 turn left. You must answer the question in the next turn.[/HINT]" if left == 1 else ""
