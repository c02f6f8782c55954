"""Small task sources."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mem1.tasks.base import Split
from mem1.types import Objective


def objective(number: int, source: str = "toy", split: str = "train") -> Objective:
    return Objective(
        id=f"{source}/{split}/{number}", question=f"{source} {split} {number}?", answers=(str(number),), source=source
    )


class Toy:
    """Numbered questions."""

    def __init__(self, size: int, name: str = "toy") -> None:
        self.size = size
        self.name = name

    def objectives(self, split: Split) -> Sequence[Objective]:
        return [objective(number, self.name, split) for number in range(self.size)]


class Ring(Toy):
    """Numbers in a ring: the next question is about the number one or two after the previous answer."""

    def start(self, rng: random.Random, split: Split) -> Objective:
        return rng.choice(self.objectives(split))

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        step = rng.choice((1, 2))
        number = (int(previous.answers[0]) + step) % self.size
        return Objective(
            id=f"{self.name}/{number}<",
            question=f"What is {step} after the previous answer?",
            standalone=f"What is {step} after {previous.answers[0]}?",
            answers=(str(number),),
            source=self.name,
        )


class Trap(Ring):
    """A line 0, 1, 2, ... to ``size - 1`` where each number also leads into a dead end."""

    def start(self, rng: random.Random, split: Split) -> Objective:
        return objective(0, self.name, split)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        here = int(previous.answers[0])
        if here < 0 or here == self.size - 1:
            return None
        following = rng.choice((here + 1, -1))
        return objective(following, self.name, f"linked/{here}" if following < 0 else "linked")
