"""Which scorer a run uses."""

from __future__ import annotations

from typing import Literal

from mem1.config import Config
from mem1.rewards.base import Scorer
from mem1.rewards.released import ReleasedScorer
from mem1.rewards.standard import StandardScorer


class ScorerConfig(Config):
    """``standard`` for all work; ``mem1-released`` only to stand beside the published figures."""

    name: Literal["standard", "mem1-released"] = "standard"

    def build(self) -> Scorer:
        """The scorer."""
        return StandardScorer() if self.name == "standard" else ReleasedScorer()
