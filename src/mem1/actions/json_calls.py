"""Actions as JSON: ``<tool_call>{"name": "search", "arguments": {"query": "words"}}</tool_call>``."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import Any

from mem1.actions.base import ANSWER, ActionSpace, choice
from mem1.actions.tags import TagActions
from mem1.text import without_tags
from mem1.types import Action, Answer, Malformed, ToolCall, text_tool

TAG = "tool_call"


class JsonActions:
    """An ``ActionFormat`` for any tools: a block of JSON calls one, an answer has a tag as ever.

    ``arguments`` are checked against the tool's schema; they may also be a text that holds the object, as some models
    write them. Names other than ``name`` and ``arguments`` are refused.

    Args:
        space: What can be done.
        names: As for ``TagActions``; the answer's is used.
    """

    whole = False

    def __init__(self, space: ActionSpace, names: Mapping[str, str] | None = None) -> None:
        self.space = space
        call = text_tool(TAG, "call")
        self._tags = TagActions(ActionSpace((call,), space.takes_answer), names)
        self.stops, self.openings = self._tags.stops, self._tags.openings
        self.control_strings = self._tags.control_strings

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """The first call or answer."""
        written = self._tags.parse(text)
        return self._call(written.text, without) if isinstance(written, ToolCall) else written

    def write(self, action: Action) -> str:
        """The call as JSON on one line, letters as they are; ``<`` is escaped, so that no tag can be in it."""
        match action:
            case Answer():
                return self._tags.write(action)
            case ToolCall(name=name, arguments=arguments):
                call = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False).replace("<", "\\u003c")
                return self._tags.write(ToolCall(name=TAG, arguments={"call": call}))
            case _:
                raise ValueError(f"{action!r} cannot be written")

    def describe(self) -> str:
        """The tools as the JSON that tool-calling models are told of, and how to call one."""
        tools = [
            json.dumps(
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, ensure_ascii=False
            )
            for tool in self.space.told
        ]
        how = f'<{TAG}> {{"name": "...", "arguments": {{...}}}} </{TAG}>'
        answer = f" or {self._tags.openings[-1]} your answer {self._tags.stops[-1]}" if self.space.takes_answer else ""
        return "\n".join(["Tools:", *tools, f"Write {how}{answer}"])

    def _call(self, text: str, without: Collection[str]) -> Action:
        tools = {tool.name: tool for tool in self.space.specs}
        possible = choice([name for name in self.space.names if name not in self.space.untold.union(without)])
        call = _read(text)
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            return Malformed(reason=f"the {TAG} holds no JSON object with a name and arguments")
        name, arguments = call["name"], call.get("arguments", {})
        if isinstance(arguments, str):
            arguments = _read(arguments)
        if name not in tools or name in without or name == ANSWER:
            return Malformed(reason=f"{_shown(name)} is not possible here; write {possible}")
        others = sorted(set(call) - {"name", "arguments"})
        why = f"the call must not have {others[0]!r}" if others else tools[name].why_not(arguments)
        if why is not None:
            return Malformed(reason=_shown(f"{name}: {why}"))
        assert isinstance(arguments, dict)
        return ToolCall(name=name, arguments=arguments)


def _read(text: str) -> Any:
    """``text`` as JSON that can be stored again; ``None`` where it is none."""
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is beyond all numbers")
    return value


def _shown(text: str) -> str:
    """What a policy wrote, in a reason: short, and without a sign that a tag begins with."""
    return without_tags(text)[:120]
