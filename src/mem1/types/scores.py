"""What an episode was worth."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from mem1.types.record import Many, Record, same_length


class Score(Record):
    """Per-objective scores of one episode; ``None`` where an objective could not be scored.

    Environments that give rewards themselves put them into ``rewards`` (0 to 1 each) and what they are made of into
    ``parts``, both empty elsewhere; ``em`` then says whether the objective was fully met, and ``f1`` is ``None``.
    """

    em: Annotated[tuple[float | None, ...], Many]
    f1: Annotated[tuple[float | None, ...], Many]
    answered: Annotated[tuple[bool, ...], Many]
    extra_answers: int = 0
    scorer: str
    rewards: Annotated[tuple[float | None, ...], Many] = ()
    parts: Annotated[tuple[dict[str, float | None], ...], Many] = ()

    @model_validator(mode="after")
    def _aligned(self) -> Score:
        same_length(em=self.em, f1=self.f1, answered=self.answered)
        if self.rewards or self.parts:
            same_length(em=self.em, rewards=self.rewards, parts=self.parts)
        return self

    @property
    def em_sum(self) -> float:
        """Exact matches summed over objectives (the paper's figure)."""
        return sum(v for v in self.em if v is not None)

    @property
    def f1_sum(self) -> float:
        """F1 summed over objectives."""
        return sum(v for v in self.f1 if v is not None)

    @property
    def reward_sum(self) -> float:
        """The environment's rewards summed over objectives; 0 where it gives none."""
        return sum(v for v in self.rewards if v is not None)

    @property
    def coverage(self) -> float:
        """Scored objectives / all objectives."""
        return sum(v is not None for v in self.em) / len(self.em)
