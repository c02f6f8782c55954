"""The gap to the engine and the importance weights, by hand: four tokens in two completions."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from mem1.train.config import TrainConfig
from mem1.train.gap import gap_metrics

RATIOS = [1.0, 2.0, 0.5, 4.0]  # p(trainer) / p(rollout) of the four tokens


def update() -> Any:
    batch = SimpleNamespace(rollout_logprobs=torch.full((4,), -5.0), sequence_of=torch.tensor([0, 0, 1, 1]))
    old = torch.tensor([-5.0 + math.log(ratio) for ratio in RATIOS])
    return SimpleNamespace(minibatch=SimpleNamespace(batch=batch, old_logprobs=old), logprobs=old - 9)


def test_weights_cut_token_by_token() -> None:
    found = gap_metrics([update()], TrainConfig(tis_cap=2.0))
    kept = [1.0, 2.0, 0.5, 2.0]  # 4 is cut off at 2
    assert found["policy/importance_mean"] == pytest.approx(sum(kept) / 4)
    assert found["policy/importance_cut"] == 0.25
    assert found["policy/importance_ess"] == pytest.approx(5.5**2 / (4 * (1 + 4 + 0.25 + 4)))
    assert found["policy/rollout_gap_p99"] == pytest.approx(math.log(4))
    assert found["policy/rollout_kl"] == pytest.approx(sum(r - 1 - math.log(r) for r in RATIOS) / 4)


def test_sequences_left_out_whole() -> None:
    """The completions' ratios are 1 * 2 and 0.5 * 4, both 2: kept at a cap of 2, left out at 1.9."""
    kept = gap_metrics([update()], TrainConfig(tis_cap=2.001, importance="sequence"))
    assert kept["policy/importance_mean"] == pytest.approx(2)
    assert kept["policy/importance_cut"] == 0.0
    assert kept["policy/importance_ess"] == pytest.approx(1)
    none = gap_metrics([update()], TrainConfig(tis_cap=1.9, importance="sequence"))
    assert (none["policy/importance_mean"], none["policy/importance_cut"]) == (0.0, 1.0)
    assert none["policy/importance_ess"] == 0.0


def test_without_a_cap_there_are_no_weights_and_without_updates_there_is_nothing() -> None:
    assert set(gap_metrics([update()], TrainConfig(tis_cap=None))) == {"policy/rollout_gap_p99", "policy/rollout_kl"}
    assert gap_metrics([], TrainConfig()) == {}


def test_a_minibatch_counts_once_however_often_it_was_learned_from() -> None:
    one = update()
    assert gap_metrics([one, one], TrainConfig()) == gap_metrics([one], TrainConfig())


def test_a_gap_of_rounding_has_the_divergence_that_belongs_to_it() -> None:
    """exp(x) - 1 - x is x^2 / 2; in 32 bits exp(x) - 1 alone is off by ten thousand times that."""
    one = update()
    one.minibatch.old_logprobs = one.minibatch.batch.rollout_logprobs + torch.tensor([1e-6, -1e-6, 2e-6, 0.0])
    gaps = (one.minibatch.old_logprobs - one.minibatch.batch.rollout_logprobs).double()
    found = gap_metrics([one], TrainConfig(tis_cap=None))["policy/rollout_kl"]
    assert found == pytest.approx(float((gaps.square() / 2).mean()), abs=1e-12)
