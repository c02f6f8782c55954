"""What any trainer needs of a rollout, without torch: token ids, what is trained on, how much it counts, who it is of.

Made here and nowhere else. The local trainer takes its weights and advantages from these rows; an engine outside
(``train/backends/base.py``) needs nothing but them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from mem1.errors import DataError
from mem1.train.rows.calls import Written, written
from mem1.train.rows.samples import Sample, sampled_count, samples_of
from mem1.types import Episode

Normalisation = Literal["token", "episode", "constant"]


@dataclass(frozen=True, slots=True)
class Row:
    """One context that the policy saw, as it saw it.

    The lists have one entry a token of ``token_ids``; ``rollout_logprobs`` (nats, at the temperature of sampling) and
    ``advantages`` are 0 where ``trained`` is false. The loss of a minibatch is the sum over its rows of ``weight``
    times the sum of the losses of their trained tokens: the weights are chosen so that this is the mean that the
    normalisation names.
    ``policy_version`` is that of the oldest weights that sampled in the row.
    """

    token_ids: tuple[int, ...]
    trained: tuple[bool, ...]
    rollout_logprobs: tuple[float, ...]
    advantages: tuple[float, ...]
    weight: float
    episode_id: str
    group_id: str
    policy_version: int

    def __post_init__(self) -> None:
        lengths = {len(self.token_ids), len(self.trained), len(self.rollout_logprobs), len(self.advantages)}
        if len(lengths) > 1:
            raise ValueError(f"lengths differ in a row of episode {self.episode_id!r}: {sorted(lengths)}")


def make_rows(
    episodes: Sequence[Episode],
    advantages: Mapping[str, float | Sequence[float]],
    *,
    normalisation: Normalisation,
    constant: int | None = None,
    samples: Sequence[Sample] | None = None,
) -> list[Row]:
    """The rows of one minibatch, episodes in the order given, the contexts of each in time order.

    Args:
        episodes: None of them failed, and the policy wrote something in each.
        advantages: By episode id: one number for the whole episode, or one for each sampled token in time order.
        normalisation: ``token``: every trained token of the minibatch counts the same, 1 / N. ``episode``: every
            episode does, whatever the number of its rows and tokens, and its tokens share that. ``constant``: the sum
            over an episode's tokens is divided by the same number for all of them, 1 / (E * constant), so that long
            episodes are neither favoured nor spared (Dr. GRPO, arXiv 2503.20783, section 3.1).
        constant: That number, in tokens.
        samples: Those of ``episodes``, where they were made already.

    Raises:
        DataError: An episode failed, holds no sampled token, or has advantages of another number.
    """
    counts = [sampled_count(episode) for episode in episodes]
    for episode, count in zip(episodes, counts, strict=True):
        if not count:
            raise DataError(f"nothing was written in episode {episode.id!r}", hint="keep it out of the minibatch")
    starts = [sum(counts[:k]) for k in range(len(counts))] if samples is None else []
    made = samples or [one for k, episode in enumerate(episodes) for one in samples_of(episode, k, starts[k])]
    given = [_each(episode, count, advantages[episode.id]) for episode, count in zip(episodes, counts, strict=True)]
    reported = [_logprobs(episode) for episode in episodes]
    weights = _weights(counts, normalisation, constant)
    taken = [0] * len(episodes)
    rows = []
    for sample in made:
        k, count = sample.episode, len(sample.flat)
        part = slice(taken[k], taken[k] + count)
        taken[k] += count
        rows.append(
            Row(
                token_ids=sample.token_ids,
                trained=sample.trained,
                rollout_logprobs=spread(sample.trained, reported[k][part]),
                advantages=spread(sample.trained, given[k][part]),
                weight=weights[k],
                episode_id=episodes[k].id,
                group_id=episodes[k].group_id,
                policy_version=_version(written(episodes[k]), part),
            )
        )
    assert taken == counts, "every sampled token is in exactly one row"
    return rows


def _weights(counts: Sequence[int], normalisation: Normalisation, constant: int | None) -> list[float]:
    """What a token of each episode counts, from how many tokens there are in each."""
    match normalisation:
        case "token":
            return [1.0 / sum(counts) for _ in counts]
        case "episode":
            return [1.0 / (len(counts) * count) for count in counts]
        case "constant":
            if constant is None:
                raise ValueError('normalisation = "constant" needs the constant')
            return [1.0 / (len(counts) * constant) for _ in counts]


def trained_values(rows: Sequence[Row], values: Sequence[Sequence[float]]) -> list[float]:
    """Of values for each token of the rows those of trained tokens, rows laid end to end."""
    return [
        one for row, some in zip(rows, values, strict=True) for one, on in zip(some, row.trained, strict=True) if on
    ]


def by_row(rows: Sequence[Row], values: Sequence[float]) -> list[list[float]]:
    """One value for each trained token, rows laid end to end, as a list for each row: ``trained_values`` undone."""
    ends = list(accumulate(sum(row.trained) for row in rows))
    return [list(values[start:end]) for start, end in zip([0, *ends], ends, strict=False)]


def _each(episode: Episode, count: int, given: float | Sequence[float]) -> Sequence[float]:
    if isinstance(given, int | float):
        return [float(given)] * count
    if len(given) != count:
        raise DataError(
            f"episode {episode.id!r} has {count} sampled tokens and {len(given)} advantages",
            hint="give one for each token the policy sampled, or one for the episode",
        )
    return given


def _logprobs(episode: Episode) -> list[float]:
    return [
        value
        for call in written(episode)
        for value, sampled in zip(call.logprobs, call.sampled_mask, strict=True)
        if sampled
    ]


def spread(trained: Sequence[bool], values: Sequence[float]) -> tuple[float, ...]:
    """One value for each token of a row, 0 where it is not trained, from those of trained tokens."""
    rest: Iterator[float] = iter(values)
    return tuple(next(rest) if on else 0.0 for on in trained)


def _version(calls: Sequence[Written], part: slice) -> int:
    """The oldest version among the completions that the episode's tokens in ``part`` are of."""
    found, start = [], 0
    for call in calls:
        end = start + sum(call.sampled_mask)
        if start < part.stop and part.start < end:
            found.append(call.policy_version)
        start = end
    return min(found)
