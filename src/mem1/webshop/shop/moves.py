"""What a customer can do: search, click."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mem1.actions.tools import CLICK, SEARCH
from mem1.types import Action, ToolCall

TOOLS = (SEARCH, CLICK)


@dataclass(frozen=True, slots=True)
class Search:
    """Look for products."""

    query: str


@dataclass(frozen=True, slots=True)
class Click:
    """Press something on the page."""

    target: str


def move_of(action: Action) -> Search | Click | None:
    """The move that an agent's action is, if it is one."""
    match action:
        case ToolCall(name=SEARCH.name, arguments={"query": str(query)}):
            return Search(query)
        case ToolCall(name=CLICK.name, arguments={"target": str(target)}):
            return Click(target)
        case _:
            return None


_PUBLISHED = re.compile(r"(.+)\[(.+)\]")


def published_move(text: str) -> Search | Click | None:
    """The move that a text is by the rule of the published environment.

    What stands before the last "[" that a "]" follows must be ``search`` or ``click``, to the letter; what is between
    that and the last "]" of the line is the argument, blanks and all; what comes after is not looked at.
    """
    found = _PUBLISHED.match(text)
    match found and found.groups():
        case ("search", words):
            return Search(words)
        case ("click", target):
            return Click(target)
        case _:
            return None
