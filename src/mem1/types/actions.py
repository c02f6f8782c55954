"""What a policy does, and what comes back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mem1.types.record import Record


class Search(Record):
    """Look something up."""

    type: Literal["search"] = "search"
    query: str


class Open(Record):
    """Read a page."""

    type: Literal["open"] = "open"
    url: str


class Click(Record):
    """Press something on a page."""

    type: Literal["click"] = "click"
    target: str


class Recall(Record):
    """Look something up in what the agent itself wrote and was shown earlier in the episode."""

    type: Literal["recall"] = "recall"
    query: str


class Answer(Record):
    """Give the answer that is due: all of them (upfront) or the current one (one by one)."""

    type: Literal["answer"] = "answer"
    text: str


class Malformed(Record):
    """The policy wrote nothing that is an action; ``reason`` says why."""

    type: Literal["malformed"] = "malformed"
    reason: str


Action = Annotated[Search | Open | Click | Recall | Answer | Malformed, Field(discriminator="type")]


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
