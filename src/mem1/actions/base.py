"""What there is to do in a task, and what it means to have a form to write it in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

from mem1.errors import ConfigError
from mem1.types import Action, ToolSpec

ActionForm = Literal["tags", "brackets", "json", "turn"]
"""``tags``: each tool has a tag. ``brackets``: the answer's tag holds ``search[words]``, ``click[thing]``. ``json``:
``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``. With tags and JSON answers have a tag of their own.
``turn``: the environment reads the whole turn by a rule of its own."""

ANSWER = "answer"
"""Name of the action that is no tool, among the names of those that are."""


@dataclass(frozen=True, slots=True)
class ActionSpace:
    """What a policy can do: the environment's ``tools``, answering (``takes_answer``), the memory's ``own`` tools.

    ``untold``: names of tools that can be called but are not described, nor named in hints: where there are so many
    that a prompt has no room for them all.

    Raises:
        ConfigError: Two of them have the same name.
    """

    tools: tuple[ToolSpec, ...]
    takes_answer: bool = True
    form: ActionForm = "tags"
    own: tuple[ToolSpec, ...] = ()
    untold: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise ConfigError(f"two actions are named {twice[0]!r}", where="env.tools", hint="rename one of the tools")

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """All tools."""
        return self.tools + self.own

    @property
    def told(self) -> tuple[ToolSpec, ...]:
        """The tools that are described."""
        return tuple(tool for tool in self.specs if tool.name not in self.untold)

    @property
    def names(self) -> tuple[str, ...]:
        """All that can be done, in the order in which a policy is told of it."""
        answer = (ANSWER,) if self.takes_answer else ()
        return (*(tool.name for tool in self.tools), *answer, *(tool.name for tool in self.own))

    def spec(self, name: str) -> ToolSpec:
        """The tool called ``name``. Raises ``KeyError``."""
        for tool in self.specs:
            if tool.name == name:
                return tool
        raise KeyError(name)

    def with_own(self, *tools: ToolSpec) -> ActionSpace:
        """The same with tools that the memory answers itself."""
        return replace(self, own=self.own + tools)


@runtime_checkable
class ActionFormat(Protocol):
    """How the actions of a space are written."""

    @property
    def space(self) -> ActionSpace:
        """What can be written."""

    @property
    def whole(self) -> bool:
        """Whether ``parse`` is given the state too, all that was written in the turn."""

    @property
    def stops(self) -> tuple[str, ...]:
        """Strings of which each completes an action: nothing is sampled beyond one."""

    @property
    def openings(self) -> tuple[str, ...]:
        """Strings with which an action may begin."""

    @property
    def control_strings(self) -> tuple[str, ...]:
        """All strings that mean something here; text that is not the policy's must hold none of them."""

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """The first well-formed action in ``text``, what the policy wrote after its state; else ``Malformed``.

        A reason names tags without their brackets, so that it reads the same after neutralising. ``without``: names
        of tools that are not to be had now.
        """

    def write(self, action: Action) -> str:
        """``action`` as a policy writes it. Raises ``ValueError`` for one that has no written form here."""

    def describe(self) -> str:
        """The tools in words, for a prompt: what each is for and how it is written."""


def choice(names: Sequence[str], shape: str = "{}") -> str:
    """What can be written, for a hint: ``search or answer``."""
    return " or ".join(shape.format(name) for name in names)
