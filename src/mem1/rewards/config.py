"""Which scorer a run uses."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from mem1.config import Config
from mem1.rewards.base import Scorer
from mem1.rewards.judge_config import JudgeConfig
from mem1.rewards.normalise import normalise_folding
from mem1.rewards.released import ReleasedScorer
from mem1.rewards.standard import StandardScorer


class ScorerConfig(Config):
    """``standard`` for all work; ``mem1-released`` beside the published figures; ``judge`` where one is set up.

    ``folding`` is ``standard`` for any script: "José" is the same however it is encoded, and so are full-width letters.
    """

    name: Literal["standard", "folding", "mem1-released", "judge"] = "standard"
    judge: JudgeConfig | None = None

    @model_validator(mode="after")
    def _has_its_judge(self) -> Self:
        if self.name == "judge" and self.judge is None:
            raise ValueError("there is no judge: set scorer.judge.base_url and scorer.judge.model")
        if self.name != "judge" and self.judge is not None:
            raise ValueError(f"the scorer {self.name!r} asks no judge: set scorer.name = 'judge', or drop scorer.judge")
        return self

    def build(self) -> Scorer:
        """The scorer. Raises ``ConfigError`` where a judge's key or package is missing."""
        if self.judge is not None:
            from mem1.rewards.judge import JudgeScorer

            return JudgeScorer(self.judge)
        match self.name:
            case "folding":
                return StandardScorer("folding", normalise_folding)
            case "mem1-released":
                return ReleasedScorer()
            case _:
                return StandardScorer()
