"""How good the answers of one episode are."""

from __future__ import annotations

from mem1.evaluation.measures import PER_OBJECTIVE, Measure
from mem1.types import Episode


def quality(episode: Episode) -> dict[str, float | None]:
    """Scores of ``episode``: ``None`` where nothing could be scored, never a zero in its place.

    Each metric of the score is summed over objectives and, as ``NAME_per_objective``, averaged. A failed episode (a
    backend's error) is not the policy's answer: it has none. Objectives without a value are left out of sums and means;
    ``COVERAGE`` says how many are in.
    """
    score = episode.score
    if score is None or episode.failed:
        return {Measure.REWARD: episode.reward, Measure.ANSWER_RATE: None, Measure.COVERAGE: None}
    found: dict[str, float | None] = {}
    for name in score.metrics:
        known = score.known(name)
        found[name] = sum(known) if known else None
        found[f"{name}{PER_OBJECTIVE}"] = sum(known) / len(known) if known else None
    return found | {
        Measure.REWARD: episode.reward,
        Measure.ANSWER_RATE: sum(score.answered) / len(score.answered),
        Measure.COVERAGE: score.coverage,
    }
