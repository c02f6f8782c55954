"""From a rollout to the extra advantage of each token that belongs to a state."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mem1.train.config import RowsConfig
from mem1.train.memory_credit.beliefs import Asked, beliefs
from mem1.train.memory_credit.config import MemoryCredit
from mem1.train.memory_credit.probes import Probes
from mem1.train.memory_credit.writes import writes
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import Batch, View
from mem1.train.rows.calls import written
from mem1.types import Episode

EPSILON = 1e-6

Groups = Sequence[Sequence[Episode]]
Credits = Mapping[str, Sequence[float | None]]
"""What each turn's write is worth, by the episode's id; ``None`` where that is not known."""


def credits_of(
    groups: Groups, credit: MemoryCredit, probes: Probes, policy: Policy, rows: RowsConfig, view: View
) -> dict[str, list[float | None]]:
    """What every write of ``groups`` is worth under the weights as they are, in the unit of the credit.

    Two forward passes for each turn at most, over |context| + |answers| tokens, without gradient; contexts that are the
    same are asked once, and all share prompts in packed rows.
    """
    pairs: dict[tuple[str, int], tuple[Asked, Asked]] = {}
    for episode in (one for group in groups for one in group):
        for turn, write in enumerate(writes(episode)):
            if write is not None:
                probe = probes(episode.task, episode.turns[turn + 1].objective)
                first, second = credit.contexts(write)
                pairs[episode.id, turn] = (first, probe), (second, probe)
    held = beliefs(policy, [one for pair in pairs.values() for one in pair], rows, view)
    found: dict[str, list[float | None]] = {one.id: [None] * len(one.turns) for group in groups for one in group}
    for (name, turn), (first_asked, second_asked) in pairs.items():
        if first_asked in held:
            value = credit.credit(held[first_asked], held[second_asked])
            found[name][turn] = value if math.isfinite(value) else None
    return found


def state_advantages(groups: Groups, credits: Credits, weight: float) -> dict[str, list[float]]:
    """For each turn ``weight`` times its credit less the mean over the group's turns, in the group's deviations.

    0 where a credit is not known, and in groups without any difference.
    """
    found: dict[str, list[float]] = {}
    for group in groups:
        known = [value for episode in group for value in credits[episode.id] if value is not None]
        mean = statistics.fmean(known) if known else 0.0
        scale = weight / (statistics.stdev(known) + EPSILON) if len(known) > 1 else 0.0
        for episode in group:
            found[episode.id] = [0.0 if one is None else scale * (one - mean) for one in credits[episode.id]]
    return found


def on_states(batch: Batch, advantages: Mapping[str, Sequence[float]]) -> Tensor:
    """float32 [N]: the turn's extra advantage at the sampled tokens of its state, 0 at all others."""
    return torch.tensor(
        [
            advantages[episode.id][call.turn] if place < call.state_length else 0.0
            for episode in batch.episodes
            for call in written(episode)
            for place, sampled in enumerate(call.sampled_mask)
            if sampled
        ],
        dtype=torch.float32,
    )
