"""Actions as tags: ``<search> words </search>``. Any tool with one text, or nothing, to say has one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping

from mem1.actions.base import ANSWER, ActionSpace, choice
from mem1.errors import ConfigError
from mem1.types import Action, Answer, Malformed, ToolCall, ToolSpec

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class TagActions:
    """An ``ActionFormat``: the tag's name says what is done, its text is the one argument.

    Well-formed is an opening tag, text that is not blank (blank, for a tool without arguments) and holds no action tag,
    and the closing tag of the same name. The text inside is stripped.

    Args:
        space: What can be done.
        names: Tag names where they differ from the tool's name; ``"answer"`` names the answer's.

    Raises:
        ConfigError: A tool cannot be written as a tag, or two would have the same one.
    """

    whole = False

    def __init__(self, space: ActionSpace, names: Mapping[str, str] | None = None) -> None:
        self.space = space
        for tool in space.specs:
            _check_arguments(tool)
        self._tags = {name: (names or {}).get(name, name) for name in space.names}
        self._kinds = {tag: name for name, tag in self._tags.items()}
        _check_names(self._tags)
        self._pattern = _pattern(tuple(self._kinds))
        self._specs = {tool.name: tool for tool in space.specs}
        self.stops = tuple(f"</{tag}>" for tag in self._kinds)
        self.openings = tuple(f"<{tag}>" for tag in self._kinds)

    @property
    def control_strings(self) -> tuple[str, ...]:
        """All opening and closing tags."""
        return (*self.openings, *self.stops)

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """The first well-formed action in ``text``."""
        for found in self._pattern.finditer(text):
            tag, inner = found["name"], found["inner"].strip()
            name = self._kinds[tag]
            if not inner and not self._takes_nothing(name):
                continue
            if name in without:
                return Malformed(reason=f"{tag} is not possible here; write {self._possible(without)}")
            return self._action(name, inner)
        return Malformed(reason=self._why_none(text, self._possible(without)))

    def _possible(self, without: Collection[str]) -> str:
        quiet = self.space.untold.union(without)
        return choice([tag for tag, name in self._kinds.items() if name not in quiet])

    def write(self, action: Action) -> str:
        """The tag around its text, which stands after a blank as words do in running text."""
        match action:
            case Answer(text=text):
                return self._written(ANSWER, text)
            case ToolCall(name=name) if name in self._tags:
                argument = self.space.spec(name).argument
                return self._written(name, "" if argument is None else str(action.arguments.get(argument, "")))
            case _:
                raise ValueError(f"{action!r} has no tag")

    def describe(self) -> str:
        """A line a tool."""
        lines = [_line(tool, self._tags[tool.name]) for tool in self.space.told]
        if self.space.takes_answer:
            lines.append(f"<{self._tags[ANSWER]}> your answer </{self._tags[ANSWER]}>")
        return "\n".join(lines)

    def _written(self, name: str, text: str) -> str:
        tag = self._tags[name]
        return f"<{tag}> {text}</{tag}>" if text else f"<{tag}></{tag}>"

    def _takes_nothing(self, name: str) -> bool:
        return name != ANSWER and self._specs[name].takes_nothing

    def _action(self, name: str, inner: str) -> Action:
        if name == ANSWER:
            return Answer(text=inner)
        tool, tag = self._specs[name], self._tags[name]
        if tool.argument is None:
            return ToolCall(name=name) if not inner else Malformed(reason=f"the {tag} tag takes no text")
        arguments = {tool.argument: inner}
        why = tool.why_not(arguments)
        return ToolCall(name=name, arguments=arguments) if why is None else Malformed(reason=f"{tag}: {why}")

    def _why_none(self, text: str, possible: str) -> str:
        if not text.strip():
            return f"nothing was written where an action was due; write {possible}"
        for tag in self._kinds:
            opened = text.find(f"<{tag}>")
            if opened >= 0:
                if f"</{tag}>" not in text[opened:]:
                    return f"the {tag} tag was opened but not closed"
                return f"the {tag} tag holds no text of its own"
            if f"</{tag}>" in text:
                return f"the {tag} tag was closed but not opened"
        return f"no action tag was found; write {possible}"


def _check_arguments(tool: ToolSpec) -> None:
    if tool.argument is None and not tool.takes_nothing:
        raise ConfigError(
            f"the tool {tool.name!r} takes more than one text, which a tag cannot say",
            where="env.form",
            hint='write actions as JSON (env.form = "json"), or give the tool one argument of type string',
        )


def _check_names(tags: Mapping[str, str]) -> None:
    odd = [tag for tag in tags.values() if not _NAME.fullmatch(tag)]
    twice = [tag for tag, count in Counter(tags.values()).items() if count > 1]
    if odd or twice:
        what = f"{odd[0]!r} is no name for a tag" if odd else f"two actions would have the tag {twice[0]!r}"
        raise ConfigError(what, where="memory.tags", hint="name the tool's tag in memory.tags.tools")


def _line(tool: ToolSpec, tag: str) -> str:
    shape = f"<{tag}></{tag}>" if tool.argument is None else f"<{tag}> {tool.argument} </{tag}>"
    return f"{shape}: {tool.description}" if tool.description else shape


def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Linear in the text: what is inside ends at the next action tag, so no stretch is read twice."""
    name = "|".join(map(re.escape, names)) or "(?!)"
    return re.compile(rf"<(?P<name>{name})>(?P<inner>(?:(?!</?(?:{name})>).)*)</(?P=name)>", re.DOTALL)
