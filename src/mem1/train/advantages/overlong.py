"""Episodes that were cut off (out of turns, out of context): trained on as they are, left out, or charged for it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode, StopReason

Count = Annotated[int, Field(ge=1)]
CUT_OFF = frozenset({StopReason.TURN_LIMIT, StopReason.CONTEXT_LIMIT})


class OverlongConfig(Config):
    """What becomes of long episodes (DAPO, arXiv 2503.14476, section 3.4).

    - ``keep``: they are trained on like others.
    - ``mask``: those that were cut off stay in baselines, and none of their tokens are trained on.
    - ``penalty``: the reward is less by ``coef`` times how far the last ``cache`` of ``limit`` turns (``unit``: or
      sampled tokens) are used up: 0 below ``limit - cache``, ``coef`` from ``limit`` on.
    """

    how: Literal["keep", "mask", "penalty"] = "keep"
    unit: Literal["turns", "tokens"] = "turns"
    limit: Count | None = None
    cache: Count | None = None
    coef: Annotated[float, Field(ge=0)] = 1.0

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.how != "penalty":
            if self.limit is not None or self.cache is not None:
                raise ValueError(f'limit and cache are for how = "penalty", not {self.how!r}: leave them out')
            return self
        if self.limit is None or self.cache is None:
            raise ValueError(
                'how = "penalty" needs limit and cache: from limit - cache on it grows, at limit it is whole'
            )
        if self.cache > self.limit:
            raise ValueError(f"cache is a part of limit, and {self.cache} is more than {self.limit}")
        return self

    def masked(self, episode: Episode) -> bool:
        """Whether none of the episode's tokens are to be trained on."""
        return self.how == "mask" and episode.stop in CUT_OFF

    def penalty(self, episode: Episode) -> float:
        """What the episode's length costs, in reward."""
        if self.how != "penalty":
            return 0.0
        assert self.limit is not None  # validated
        assert self.cache is not None
        length = len(episode.turns) if self.unit == "turns" else sampled_count(episode)
        return self.coef * min(1.0, max(0.0, (length - (self.limit - self.cache)) / self.cache))
