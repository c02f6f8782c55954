"""What a policy does, and what comes back."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from mem1.types.record import Record


class ToolCall(Record):
    """Use a tool, one of the environment's (``ToolSpec``) or of the memory's. The arguments fit its schema."""

    type: Literal["tool_call"] = "tool_call"
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)

    @property
    def text(self) -> str:
        """The arguments for a reader: the value alone where there is one, else ``name: value`` joined by ``", "``."""
        if len(self.arguments) == 1:
            return str(next(iter(self.arguments.values())))
        return ", ".join(f"{name}: {value}" for name, value in self.arguments.items())


class Answer(Record):
    """Give the answer that is due: all of them (upfront) or the current one (one by one)."""

    type: Literal["answer"] = "answer"
    text: str


class Malformed(Record):
    """The policy wrote nothing that is an action; ``reason`` says why."""

    type: Literal["malformed"] = "malformed"
    reason: str


Action = Annotated[ToolCall | Answer | Malformed, Field(discriminator="type")]


class Observation(Record):
    """What the environment says after an action. ``done`` ends the episode.

    ``head`` (hint, next question, an error's text) and ``tail`` (what can be done now) are always shown;
    ``passages`` are shown in order as far as the observation budget reaches, and cut only between two of them.
    ``spent``: it is over because the turns are used up, not because of what was done.
    """

    head: str
    passages: tuple[str, ...] = ()
    tail: str = ""
    done: bool = False
    spent: bool = False


def tool_call(name: str, /, **arguments: Any) -> ToolCall:
    """``ToolCall`` with its arguments named: ``tool_call("search", query="Peru")``."""
    return ToolCall(name=name, arguments=arguments)


def calls(action: ToolCall | Answer | Malformed, *names: str) -> bool:
    """Whether ``action`` uses one of the tools named."""
    return isinstance(action, ToolCall) and action.name in names
