"""One run of a policy over one task."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import model_validator

from mem1.types.generation import Usage
from mem1.types.record import Many, Record
from mem1.types.scores import Score
from mem1.types.tasks import Task
from mem1.types.turns import SideCall, Turn


class StopReason(StrEnum):
    """Why an episode ended."""

    ANSWERED = "answered"
    TURN_LIMIT = "turn_limit"
    CONTEXT_LIMIT = "context_limit"
    ERROR = "error"


class EpisodeError(Record):
    """A failed episode's cause. Never scored, never trained on, always counted."""

    type: str
    message: str
    traceback: str = ""


class Episode(Record):
    """One run of a policy over one task."""

    schema_version: Literal[2] = 2
    id: str
    group_id: str
    task: Task
    strategy: str
    turns: Annotated[tuple[Turn, ...], Many]
    side_calls: Annotated[tuple[SideCall, ...], Many] = ()
    answers: Annotated[tuple[str | None, ...], Many]
    stop: StopReason
    seconds: float
    reward: float | None = None
    score: Score | None = None
    advantage: float | None = None
    error: EpisodeError | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Episode:
        if (self.stop is StopReason.ERROR) != (self.error is not None):
            raise ValueError("an episode has an error record exactly when it stopped with an error")
        if self.error is not None and self.reward is not None:
            raise ValueError("a failed episode has no reward")
        return self

    @property
    def failed(self) -> bool:
        """Whether the episode ended in an error and must stay out of scores and advantages."""
        return self.error is not None

    @property
    def calls(self) -> tuple[Turn | SideCall, ...]:
        """All calls of an engine in the order in which they were made: before each turn its side calls."""
        before: dict[int, list[SideCall]] = {}
        for call in self.side_calls:
            before.setdefault(call.turn, []).append(call)
        found: list[Turn | SideCall] = []
        for index, turn in enumerate(self.turns):
            found += [*before.pop(index, ()), turn]
        return (*found, *(call for rest in before.values() for call in rest))

    @property
    def usage(self) -> Usage | None:
        """What its turns and side calls cost together, over those that know; ``None`` where none does."""
        known = [call.usage for call in self.calls if call.usage is not None]
        return sum(known[1:], known[0]) if known else None

    @property
    def peak(self) -> int:
        """Largest prompt + completion of any turn or side call, in tokens."""
        return max((call.peak for call in self.calls), default=0)

    @property
    def peak_without_prompt(self) -> int:
        """Largest prompt + completion less the task prompt, over turns and side calls, in tokens."""
        return max((call.peak_without_prompt for call in self.calls), default=0)


class EpisodeGroup(Record):
    """Episodes of the same task, sampled from the same policy: what a group baseline is taken over."""

    id: str
    episodes: tuple[Episode, ...]

    @model_validator(mode="after")
    def _one_task(self) -> EpisodeGroup:
        tasks = {episode.task.id for episode in self.episodes}
        if len(tasks) > 1:
            raise ValueError(f"group {self.id} mixes tasks {sorted(tasks)}")
        return self
