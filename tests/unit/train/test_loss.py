"""Pieces of the loss, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mem1.train.loss import policy_loss, token_weights, truncated_importance, value_loss


def logs(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities).log()


def test_clipping_holds_gains_and_never_losses() -> None:
    # ratios 1.5, 1.5, 0.5, 0.5 with advantages +, -, +, -
    new = logs(0.6, 0.6, 0.2, 0.2).requires_grad_()
    old = logs(0.4, 0.4, 0.4, 0.4)
    found = policy_loss(new, old, torch.tensor([1.0, -1.0, 1.0, -1.0]), clip_low=0.2, clip_high=0.3)
    assert found.ratio.tolist() == pytest.approx([1.5, 1.5, 0.5, 0.5])
    assert found.loss.tolist() == pytest.approx([-1.3, 1.5, -0.5, 0.8])
    assert found.clipped.tolist() == [True, False, False, True]
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0])


def test_dual_clip_bounds_the_loss_of_negative_advantages() -> None:
    new, old = logs(0.8, 0.8), logs(0.1, 0.1)  # ratio 8
    found = policy_loss(new, old, torch.tensor([-1.0, 1.0]), clip_low=0.2, clip_high=0.2, dual_clip=3.0)
    assert found.loss.tolist() == pytest.approx([3.0, -1.2])
    assert found.clipped.tolist() == [True, True]


def test_first_update_is_the_policy_gradient() -> None:
    new = logs(0.5, 0.25).requires_grad_()
    found = policy_loss(new, new.detach(), torch.tensor([2.0, -3.0]), clip_low=0.2, clip_high=0.2)
    assert found.loss.tolist() == [-2.0, 3.0]
    assert not found.clipped.any()
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == [-2.0, 3.0]


def test_a_huge_ratio_stays_finite() -> None:
    found = policy_loss(torch.tensor([0.0]), torch.tensor([-500.0]), torch.tensor([-1.0]), clip_low=0.2, clip_high=0.2)
    assert torch.isfinite(found.loss).all()


def test_value_loss_takes_the_worse_of_plain_and_clipped() -> None:
    values, old, returns = torch.tensor([1.0, 0.1]), torch.tensor([0.0, 0.0]), torch.tensor([1.0, 1.0])
    # plain errors 0 and .81; clipped to .2 and .1: .64 and .81
    assert value_loss(values, old, returns, clip=0.2).tolist() == pytest.approx([0.32, 0.405])
    assert value_loss(values, old, returns, clip=None).tolist() == pytest.approx([0.0, 0.405])


def test_truncated_importance() -> None:
    found = truncated_importance(logs(0.2, 0.9), logs(0.4, 0.1), cap=2.0)
    assert found.tolist() == pytest.approx([0.5, 2.0])
    assert not truncated_importance(logs(0.2).requires_grad_(), logs(0.4), cap=2.0).requires_grad


def test_weights_by_token_and_by_episode() -> None:
    starts = torch.tensor([0, 1, 4])  # episodes of 1 and 3 tokens
    assert token_weights(starts, "token").tolist() == [0.25] * 4
    assert token_weights(starts, "episode").tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])


def test_weights_do_not_depend_on_how_many_turns_the_tokens_came_in() -> None:
    """Six tokens weigh the same whether one context or six wrote them: turns are not an input at all."""
    assert math.fsum(token_weights(torch.tensor([0, 6, 8]), "episode")[:6].tolist()) == pytest.approx(0.5)


def test_an_episode_without_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="without sampled tokens"):
        token_weights(torch.tensor([0, 2, 2]), "token")
