"""A log of people's sessions: JSON lines, one for each errand that somebody worked on.

It holds what was on the pages, what was done there and what came of it, and nothing about who it was or when.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Literal

from pydantic import ValidationError

from mem1.errors import DataError
from mem1.storage.foreign import lines, parsed_object
from mem1.storage.json_lines import LineWriter
from mem1.text import well_formed
from mem1.types import Objective
from mem1.types.record import Record
from mem1.webshop.shop.visit import Visit

_HINT = "give a file that `mem1 serve webshop --log` wrote"


class Step(Record):
    """One page as text, what could be clicked on it, and what was done: ``search[words]`` or ``click[thing]``."""

    page: str
    offered: tuple[str, ...]
    action: str


class PersonSession(Record):
    """One errand: ``objective`` is the goal's id in the source, ``shop`` the label of catalogue, goals, mode and nouns.

    ``reward`` is that of the purchase, 0 where nothing was bought; ``parts`` are what it was made of.
    """

    schema_version: Literal[1] = 1
    shop: str
    split: str
    objective: str
    instruction: str
    steps: tuple[Step, ...]
    bought: str | None
    reward: float
    parts: dict[str, float | None] = {}  # noqa: RUF012  a record's fields are frozen


class SessionLog:
    """Appends sessions to a file, from any thread. ``objectives`` are the errands of ``split`` by their numbers.

    Raises ``StorageError`` where the file cannot be written.
    """

    def __init__(self, path: Path, split: str, objectives: Sequence[Objective]) -> None:
        self._lines = LineWriter(path)
        self._lock = Lock()
        self._split = split
        self._objectives = objectives

    def keep(self, number: int, visit: Visit, steps: Sequence[Step]) -> None:
        """Keep what was done for errand ``number``. Raises ``StorageError`` where the disk is full."""
        objective, reward = self._objectives[number], visit.reward
        self.write(
            PersonSession(
                shop=visit.shop.label,
                split=self._split,
                objective=objective.id,
                instruction=objective.question,
                steps=tuple(steps),
                bought=None if reward is None else visit.bought(),
                reward=0.0 if reward is None else reward.total,
                parts={} if reward is None else dict(reward.parts),
            )
        )

    def write(self, session: PersonSession) -> None:
        """Append a session. Raises ``StorageError`` where the disk is full."""
        text = json.dumps(session.model_dump(mode="json"), ensure_ascii=False)
        with self._lock:
            self._lines.write(well_formed(text).encode())

    def score(self) -> dict[str, float]:
        """What people reached, over the whole file."""
        return human_score(list(read_sessions(self._lines.path)))

    def close(self) -> None:
        """Let others write the file."""
        self._lines.close()


def read_sessions(path: Path) -> Iterator[PersonSession]:
    """The sessions of a log. Raises ``DataError`` with file and line."""
    for number, line in lines(path, "the log of sessions"):
        place = f"{path}, line {number}"
        try:
            yield PersonSession.model_validate(parsed_object(line, place, hint=_HINT))
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "the line"
            raise DataError(f"{key}: {first['msg']}", where=place, hint=_HINT) from error


def human_score(sessions: Sequence[PersonSession]) -> dict[str, float]:
    """What people reached: 100 x mean reward, share with reward 1, share that bought, mean steps, and how many."""
    count = len(sessions)
    if not count:
        return {"sessions": 0.0}
    return {
        "sessions": float(count),
        "score": 100 * sum(one.reward for one in sessions) / count,
        "success": sum(one.reward == 1.0 for one in sessions) / count,
        "bought": sum(one.bought is not None for one in sessions) / count,
        "steps": sum(len(one.steps) for one in sessions) / count,
    }
