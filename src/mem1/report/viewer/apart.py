"""What two episodes side by side are called, so that a reader sees which is which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from mem1.report.viewer.catalogue import Listed
from mem1.types import Episode


class Side(Protocol):
    """An episode with its place in the list."""

    @property
    def listed(self) -> Listed: ...

    @property
    def episode(self) -> Episode: ...


def told_apart(left: Side, right: Side, left_run: str, right_run: str) -> tuple[str, str]:
    """A name for each: its strategy, and where that is the same, the first thing by which the two differ.

    Of a policy's version, the file, the run, the seed, the place in the group; else the end of the ids.
    """
    names = [(f"{one.episode.strategy}", *_marks(one, run)) for one, run in ((left, left_run), (right, right_run))]
    if names[0][0] != names[1][0]:
        return names[0][0], names[1][0]
    for ours, theirs in zip(names[0][1:], names[1][1:], strict=True):
        if ours != theirs:
            return f"{names[0][0]}, {ours}", f"{names[1][0]}, {theirs}"
    return f"{names[0][0]} (left)", f"{names[1][0]} (right)"


def same_questions(sides: Sequence[Side]) -> bool:
    """Whether both have the same questions in the same order: two runs may call different tasks alike."""
    asked = [[one.question for one in side.episode.task.objectives] for side in sides]
    return asked[0] == asked[1]


def _marks(side: Side, run: str) -> Iterator[str]:
    episode, listed = side.episode, side.listed
    versions = sorted({turn.policy_version for turn in episode.turns})
    yield f"policy version {' to '.join(map(str, versions[:1] + versions[1:][-1:]))}" if versions else "no turn"
    yield listed.label
    yield run
    yield f"{episode.task.size} objectives"
    yield f"seed {episode.seed}"
    yield f"episode {episode.id[-60:]}"
