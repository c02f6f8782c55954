"""How good the answers of one episode are."""

from __future__ import annotations

from mem1.evaluation.measures import Measure
from mem1.types import Episode, Score


def quality(episode: Episode) -> dict[Measure, float | None]:
    """Scores of ``episode``: ``None`` where nothing could be scored, never a zero in its place.

    A failed episode (a backend's error) is not the policy's answer: all its scores are ``None``.
    Objectives without a score are left out of sums and means; ``COVERAGE`` says how many are in.
    """
    score = episode.score
    if score is None or episode.failed:
        return dict.fromkeys(
            (
                Measure.EM,
                Measure.F1,
                Measure.EM_PER_OBJECTIVE,
                Measure.F1_PER_OBJECTIVE,
                Measure.REWARD,
                Measure.ANSWER_RATE,
                Measure.COVERAGE,
                *_PARTS,
            )
        ) | {Measure.REWARD: episode.reward}
    em = [value for value in score.em if value is not None]
    f1 = [value for value in score.f1 if value is not None]
    return {
        Measure.EM: sum(em) if em else None,
        Measure.F1: sum(f1) if f1 else None,
        Measure.EM_PER_OBJECTIVE: sum(em) / len(em) if em else None,
        Measure.F1_PER_OBJECTIVE: sum(f1) / len(f1) if f1 else None,
        Measure.REWARD: episode.reward,
        Measure.ANSWER_RATE: sum(score.answered) / len(score.answered),
        Measure.COVERAGE: score.coverage,
    } | _environment(score)


_PARTS = (Measure.SCORE, Measure.R_TYPE, Measure.R_ATT, Measure.R_OPTION, Measure.R_PRICE)


def _environment(score: Score) -> dict[Measure, float | None]:
    """The environment's own rewards and their parts: means over the objectives that have them."""
    rewards = [value for value in score.rewards if value is not None]
    found: dict[Measure, float | None] = {Measure.SCORE: 100 * sum(rewards) / len(rewards) if rewards else None}
    for part in _PARTS[1:]:
        values = [value for parts in score.parts if (value := parts.get(part.value)) is not None]
        found[part] = sum(values) / len(values) if values else None
    return found
