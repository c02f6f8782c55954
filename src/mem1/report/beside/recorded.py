"""Policies that were taught alike under other memories, as recorded in ``taught_alike.toml``; nothing is run."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files
from typing import Self

from pydantic import Field, model_validator

from mem1.types import Composition, Record

BASE = 2
"""The number of objectives that retention is counted from."""


class Point(Record):
    """One policy at one number of objectives: EM an objective (0 to 1) over ``n`` tasks, peak without the prompt in
    tokens. ``low`` and ``high`` bound ``mean``: over tasks for one policy, over policies (their range) for several.
    """

    n: int = Field(ge=1)
    mean: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    peak: float = Field(gt=0)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.mean <= self.high:
            raise ValueError(f"the mean {self.mean} lies outside its interval, {self.low} to {self.high}")
        return self


class TaughtPolicy(Record):
    """A policy under the memory it was taught for, one seed. ``saw``: on what it was taught; ``at`` by objectives."""

    memory: str
    seed: int
    saw: str = Field(min_length=1)
    at: dict[int, Point]

    @model_validator(mode="after")
    def _based(self) -> Self:
        if BASE not in self.at or not self.at[BASE].mean:
            raise ValueError(f"{self.memory}, seed {self.seed}: nothing at {BASE} objectives to count retention from")
        return self

    def kept(self, objectives: int) -> float:
        """The score at ``objectives`` over that at ``BASE``."""
        return self.at[objectives].mean / self.at[BASE].mean


class TaughtAlike(Record):
    """Everything in ``taught_alike.toml``.

    ``beside``: the model that they stand beside, ``saw``: on what that was taught; ``lessons``: on what the others
    were, in a few words, ``note``: what else they share.
    """

    beside: str
    composition: Composition
    saw: str
    lessons: str
    note: str
    policies: tuple[TaughtPolicy, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _once(self) -> Self:
        names = [(one.memory, one.seed) for one in self.policies]
        twice = sorted({f"{memory}, seed {seed}" for memory, seed in names if names.count((memory, seed)) > 1})
        if twice:
            raise ValueError(f"recorded twice: {'; '.join(twice)}")
        return self

    @property
    def memories(self) -> tuple[str, ...]:
        """The memories there are, in the order of the file."""
        return tuple(dict.fromkeys(one.memory for one in self.policies))

    def of(self, memory: str) -> tuple[TaughtPolicy, ...]:
        """The policies of ``memory``, a seed each."""
        return tuple(one for one in self.policies if one.memory == memory)

    def scores(self, memory: str) -> dict[int, Point]:
        """EM an objective of ``memory``: one seed as it is; of several the mean, their range, the fewest tasks."""
        return {n: _together([one.at[n] for one in some]) for n, some in self._by_objectives(memory)}

    def kept(self, memory: str) -> dict[int, float]:
        """The share of the score at ``BASE`` that is kept from there on, the mean over the seeds that were measured."""
        return {n: _mean(one.kept(n) for one in some) for n, some in self._by_objectives(memory) if n >= BASE}

    def _by_objectives(self, memory: str) -> list[tuple[int, list[TaughtPolicy]]]:
        policies = self.of(memory)
        return [(n, [one for one in policies if n in one.at]) for n in sorted({n for one in policies for n in one.at})]


@cache
def taught_alike() -> TaughtAlike:
    """The recorded policies. A damaged file is a bug and raises ``ValidationError``."""
    text = files("mem1.report.beside").joinpath("taught_alike.toml").read_text(encoding="utf-8")
    return TaughtAlike.model_validate(tomllib.loads(text))


def _together(points: Sequence[Point]) -> Point:
    if len(points) == 1:
        return points[0]
    means = [one.mean for one in points]
    return Point(
        n=min(one.n for one in points),
        mean=min(max(_mean(means), min(means)), max(means)),  # rounding must not put it outside
        low=min(means),
        high=max(means),
        peak=_mean(one.peak for one in points),
    )


def _mean(values: Iterable[float]) -> float:
    some = list(values)
    return math.fsum(some) / len(some)
