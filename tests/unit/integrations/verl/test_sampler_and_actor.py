"""How near the sampler's log-probabilities are to those of verl's engine: float32 against float32.

Bounds are two to three times what was found (docs/decisions/0206).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mem1.inference.folders import find_folder
from mem1.train.config import TrainConfig
from mem1.train.rows.row import make_rows
from tests.unit.integrations.verl.alone import backend
from tests.unit.train.episodes_of import SHIPPED, episodes_of, reported, untrained

NATS_MAX, NATS_MEAN, PROBABILITY_MAX, PROBABILITY_MEAN = range(4)


@pytest.mark.parametrize(
    ("shipped", "bounds"),
    [
        (False, (3e-6, 6e-7, 1e-8, 1e-9)),  # as it is drawn: a vocabulary of about equally likely tokens
        (True, (2e-4, 2e-6, 2e-4, 1.5e-6)),  # nearly sure of most tokens; logits up to 26
    ],
)
def test_sampler_and_actor_agree_to_the_last_digits_of_float32(
    tmp_path: Path, shipped: bool, bounds: tuple[float, ...]
) -> None:
    name = SHIPPED if shipped else untrained(tmp_path)
    episodes = episodes_of(name)
    rows = make_rows(episodes, {episode.id: 0.0 for episode in episodes}, normalisation="episode")
    scored = backend(find_folder(name), TrainConfig()).logprobs(rows)
    actor = torch.tensor([value for row in scored for value in row], dtype=torch.float64)
    nats = (actor - reported(episodes)).abs()
    probability = (actor.exp() - reported(episodes).exp()).abs()
    found = [float(value) for one in (nats, probability) for value in (one.max(), one.mean())]
    assert len(nats) > 500
    print(found)
    assert found[NATS_MAX] < bounds[NATS_MAX]
    assert found[NATS_MEAN] < bounds[NATS_MEAN]
    assert found[PROBABILITY_MAX] < bounds[PROBABILITY_MAX]
    assert found[PROBABILITY_MEAN] < bounds[PROBABILITY_MEAN]
