"""What an episode was worth."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from mem1.types.record import Many, Record, same_length

MetricName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _known(value: object) -> object:
    """A value that is no number, or infinite, says nothing: the objective could not be scored."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


Value = Annotated[float | None, BeforeValidator(_known)]


class Score(Record):
    """Named metrics of one episode, a value for each objective; ``None`` where an objective could not be scored.

    The first metric is the main one: 1 where an objective was fully met, 0 where it was not met at all. Others may be
    parts of it, or other scales. Which of them is the reward is configuration. ``scorer`` says how it was scored.
    """

    metrics: dict[MetricName, Annotated[tuple[Value, ...], Many]] = Field(min_length=1)
    answered: Annotated[tuple[bool, ...], Many] = Field(min_length=1)
    extra_answers: int = 0
    scorer: str

    @model_validator(mode="after")
    def _aligned(self) -> Score:
        same_length(answered=self.answered, **self.metrics)
        return self

    @property
    def main(self) -> str:
        """Name of the main metric."""
        return next(iter(self.metrics))

    def known(self, metric: str) -> list[float]:
        """The values of ``metric`` that are known; none where there is no such metric."""
        return [value for value in self.metrics.get(metric, ()) if value is not None]

    def total(self, metric: str) -> float:
        """``metric`` summed over objectives (of ``em``, the paper's figure), those without a value left out."""
        return sum(self.known(metric))

    @property
    def coverage(self) -> float:
        """Objectives with a value of the main metric / all objectives."""
        return len(self.known(self.main)) / len(self.answered)
