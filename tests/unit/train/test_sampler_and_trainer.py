"""Sampler and trainer compute one function: what is between them is rounding, and grows with a policy's certainty.

Bounds are two to three times what was found (docs/decisions/0206).
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import View, make_batch
from mem1.types import Episode
from tests.unit.train.episodes_of import SHIPPED, episodes_of, model_of, reported, untrained


@torch.no_grad()
def trained(episodes: list[Episode], name: str, dtype: torch.dtype, view: View) -> Tensor:
    """float64 [N]: log p of the sampled tokens by the trainer's rows, computed in ``dtype``."""
    batch, policy = make_batch(episodes, capacity=2048, view=view), Policy(model_of(name, dtype))
    found = torch.zeros(batch.size, dtype=torch.float64)
    for row in batch.rows:
        found[row.flat] = policy.evaluate(row).logprobs.double()
    return found


@pytest.mark.parametrize("view", ["reference", "packed"])
@pytest.mark.parametrize("shipped", [False, True])
def test_in_float64_sampler_and_trainer_are_the_same(tmp_path: Path, shipped: bool, view: View) -> None:
    name = SHIPPED if shipped else untrained(tmp_path)
    episodes = episodes_of(name, torch.float64)
    gap = (reported(episodes) - trained(episodes, name, torch.float64, view)).abs()
    assert len(gap) > 500
    assert float(gap.max()) < 1e-11  # nats


@pytest.mark.parametrize("view", ["reference", "packed"])
def test_in_float32_a_policy_as_drawn_is_within_a_millionth(tmp_path: Path, view: View) -> None:
    name = untrained(tmp_path)
    episodes = episodes_of(name)
    ours, theirs = trained(episodes, name, torch.float32, view), reported(episodes)
    assert float((ours - theirs).abs().max()) < 2e-6  # nats, of logits below 2
    assert float((ours.exp() - theirs.exp()).abs().max()) < 1e-8


@pytest.mark.parametrize("view", ["reference", "packed"])
def test_in_float32_a_trained_policy_is_within_a_millionth_on_average(view: View) -> None:
    episodes = episodes_of(SHIPPED)
    ours, theirs = trained(episodes, SHIPPED, torch.float32, view), reported(episodes)
    gap = (ours - theirs).abs()
    assert float(gap.mean()) < 1e-6  # nats, of logits up to 26
    assert float(gap.max()) < 2e-4  # any of two thousand tokens
    assert float((ours.exp() - theirs.exp()).abs().mean()) < 5e-7
