"""What a customer can do: search, click."""

from __future__ import annotations

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
