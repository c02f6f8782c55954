"""What a session keeps: its tasks, and what their turns brought."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from mem1.types import Action, Observation, Record, Turn


class Status(StrEnum):
    """How far a task is."""

    WAITING = "waiting"
    RUNNING = "running"
    ANSWERED = "answered"
    ENDED = "ended"  # a budget was used up, or the context: see ``stop``
    FAILED = "failed"

    @property
    def over(self) -> bool:
        """Whether nothing more is to be done unless somebody asks for it."""
        return self in (Status.ANSWERED, Status.ENDED, Status.FAILED)


class Source(Record):
    """Something that an answer names: its address, and where it came from."""

    address: str
    source: str


class Spent(Record):
    """What a task has cost so far. ``cost`` is in the currency of the prices, ``None`` where there are none."""

    turns: int = 0
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None

    @property
    def tokens(self) -> int:
        """Read and written."""
        return self.prompt_tokens + self.completion_tokens


class TaskRecord(Record):
    """A task of a session, in the order in which they were given (``number`` from 1).

    ``sources``: what the answer names and the task has seen; ``unknown_sources``: addresses it names that there are
    not. ``stop``: why it ended without an answer. ``prompt``: P, fixed when the task begins.
    """

    number: int
    text: str
    status: Status = Status.WAITING
    prompt: str | None = None
    stop: str | None = None
    answer: str | None = None
    sources: tuple[Source, ...] = ()
    unknown_sources: tuple[str, ...] = ()
    error: str | None = None
    spent: Spent = Spent()


class StoredTurn(Record):
    """A turn as it lies on disk, and the observation as the memory was given it; ``None``: the action is still due."""

    turn: Turn
    observation: Observation | None = None


class Call(Record):
    """A tool call that was begun. ``done``: what it brought was kept."""

    name: str
    arguments: dict[str, Any]
    changes: bool
    done: bool


class Event(Record):
    """Something to show: the task after a turn. ``dropped``: what left the context in it, by address and size."""

    task: int
    text: str
    status: Status
    turn: int
    state: str = ""
    action: Action | None = None
    shown: str = ""
    context: int = 0
    bound: int | None = None
    spent: Spent = Spent()
    dropped: tuple[str, ...] = ()
    note: str = ""
