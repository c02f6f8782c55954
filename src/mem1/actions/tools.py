"""Tools that several environments offer."""

from __future__ import annotations

from mem1.actions.base import ActionSpace
from mem1.types import text_tool

SEARCH = text_tool("search", "query", "look something up; the best passages are shown")
OPEN = text_tool("open", "url", "read a page")
CLICK = text_tool("click", "target", "press something that the page offers")

SEARCH_AND_ANSWER = ActionSpace((SEARCH,))
"""What question answering offers, written as tags."""
