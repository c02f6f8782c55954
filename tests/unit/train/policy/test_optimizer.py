"""The learning rate and what decays."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from mem1.errors import ModelError
from mem1.train.config import OptimizerConfig
from mem1.train.policy.optimizer import clip_gradient, make_optimizer, rate, set_rate


def test_rate_warms_up_and_stays() -> None:
    config = OptimizerConfig(warmup=3)
    assert [rate(config, step, 10) for step in (0, 1, 2, 3, 9)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_rate_falls_along_a_half_cosine() -> None:
    config = OptimizerConfig(warmup=1, schedule="cosine", final_fraction=0.2)
    # steps 1 .. 5 are 0, 1/4, .. 1 of the way
    expected = [0.5, 1.0, 0.2 + 0.4 * (1 + math.sqrt(0.5)), 0.6, 0.2 + 0.4 * (1 - math.sqrt(0.5)), 0.2]
    assert [rate(config, step, 6) for step in range(6)] == pytest.approx(expected)


def test_the_rate_falls_over_the_last_share_of_the_steps() -> None:
    config = OptimizerConfig(lr=1.0, warmup=1, schedule="cosine", falling=0.5, final_fraction=0.0)
    # Up over one step, then 1 until half of the ten steps are over; the cosine runs over steps 5 to 9.
    half = [0.5 * (1 + math.cos(math.pi * k / 4)) for k in range(5)]
    assert [rate(config, step, 10) for step in range(10)] == pytest.approx([0.5, 1, 1, 1, 1, *half])


def test_only_matrices_decay_and_the_critic_has_its_own_rate() -> None:
    actor, critic = nn.Linear(2, 2), nn.Linear(2, 1)
    critic.bias.requires_grad_(False)
    optimizer = make_optimizer(
        list(actor.parameters()), list(critic.parameters()), OptimizerConfig(lr=0.1, weight_decay=0.5), critic_lr=0.2
    )
    assert [(len(g["params"]), g["lr"], g["weight_decay"]) for g in optimizer.param_groups] == [
        (1, 0.1, 0.5),
        (1, 0.1, 0.0),
        (1, 0.2, 0.5),
    ]
    set_rate(optimizer, 0.5)
    assert [g["lr"] for g in optimizer.param_groups] == [0.05, 0.05, 0.1]


def test_gradients_are_scaled_to_the_limit_and_refused_when_not_finite() -> None:
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert clip_gradient([parameter], 1.0) == pytest.approx(5.0)
    assert parameter.grad.tolist() == pytest.approx([0.6, 0.8])
    parameter.grad = torch.tensor([float("nan"), 0.0])
    with pytest.raises(ModelError, match="not finite"):
        clip_gradient([parameter], 1.0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_are_not_trained(dtype: torch.dtype) -> None:
    actor = nn.Linear(2, 2, dtype=dtype)
    with pytest.raises(ModelError, match="would be rounded away"):
        make_optimizer(list(actor.parameters()), [], OptimizerConfig(), critic_lr=0.0)
    actor.requires_grad_(False)  # a base beside which an adapter is trained
    adapter = nn.Linear(2, 2)
    assert make_optimizer([*actor.parameters(), *adapter.parameters()], [], OptimizerConfig(), critic_lr=0.0)
