"""Actions in brackets inside the answer's tag, as the published shopping agent writes them: ``search[words]``."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from mem1.actions.base import ANSWER, ActionSpace, choice
from mem1.actions.tags import TagActions
from mem1.errors import ConfigError
from mem1.types import Action, Answer, Malformed, ToolCall, ToolSpec


class BracketActions:
    """An ``ActionFormat``: ``<answer>search[words]</answer>``. There is no way to write an answer.

    Args:
        space: What can be done; every tool takes one text.
        names: As for ``TagActions``; the answer's is used.

    Raises:
        ConfigError: A tool takes something else than one text, or the environment takes answers.
    """

    whole = False

    def __init__(self, space: ActionSpace, names: Mapping[str, str] | None = None) -> None:
        _check(space)
        self.space = space
        self._tag = TagActions(ActionSpace(tools=()), names)
        self.stops, self.openings = self._tag.stops, self._tag.openings
        self.control_strings = self._tag.control_strings

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """What stands in the first answer."""
        written = self._tag.parse(text)
        return parse_brackets(written.text, self.space.specs, without) if isinstance(written, Answer) else written

    def write(self, action: Action) -> str:
        """The tool's name, its text in brackets, the answer's tag around it."""
        match action:
            case ToolCall(name=name):
                argument = self.space.spec(name).argument
                return self._tag.write(Answer(text=f"{name}[{action.arguments[argument or '']}]"))
            case _:
                raise ValueError(f"{action!r} cannot be written in brackets")

    def describe(self) -> str:
        """A line a tool."""
        tag = self.stops[0][2:-1]
        shapes = [(f"<{tag}> {tool.name}[{tool.argument}] </{tag}>", tool.description) for tool in self.space.specs]
        return "\n".join(f"{shape}: {says}" if says else shape for shape, says in shapes)


def parse_brackets(text: str, tools: Sequence[ToolSpec], without: Collection[str] = ()) -> Action:
    """``search[words]`` with nothing around it; what is inside may hold brackets too. Case does not matter.

    A text that holds two actions is none: which of them was meant cannot be known.
    """
    named = {tool.name.lower(): tool for tool in tools}
    possible = choice([tool.name for tool in tools if tool.name not in without], "{}[...]")
    found = _pattern(tuple(named)).fullmatch(text)
    if found is None or not found["inner"].strip():
        return Malformed(reason=f"no action was found; write {possible}")
    if _pattern_between(tuple(named)).search(found["inner"]):
        return Malformed(reason=f"more than one action was found; write one, {possible}")
    tool = named[found["name"].lower()]
    if tool.name in without:
        return Malformed(reason=f"{tool.name} is not possible here; write {possible}")
    arguments = {tool.argument or "": found["inner"].strip()}
    why = tool.why_not(arguments)
    return ToolCall(name=tool.name, arguments=arguments) if why is None else Malformed(reason=f"{tool.name}: {why}")


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    name = "|".join(map(re.escape, names)) or "(?!)"
    return re.compile(rf"\s*(?P<name>{name})\s*\[(?P<inner>.*)\]\s*", re.DOTALL | re.IGNORECASE)


def _pattern_between(names: tuple[str, ...]) -> re.Pattern[str]:
    name = "|".join(map(re.escape, names)) or "(?!)"
    return re.compile(rf"\].*\b(?:{name})\s*\[", re.DOTALL | re.IGNORECASE)


def _check(space: ActionSpace) -> None:
    other = [tool.name for tool in space.specs if tool.argument is None]
    if other or space.takes_answer:
        what = f"the tool {other[0]!r} takes more than one text" if other else f"an {ANSWER} has no form of its own"
        raise ConfigError(
            f"{what} in brackets", where="env.form", hint='write actions as tags or JSON: env.form = "tags" or "json"'
        )
