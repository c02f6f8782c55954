"""The clipped surrogate, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.train.losses.base import LossInput, PolicyLoss
from mem1.train.losses.clip import clip


def logs(*probabilities: float) -> torch.Tensor:
    return torch.tensor(probabilities).log()


def policy_loss(new: torch.Tensor, old: torch.Tensor, advantages: torch.Tensor, **keys: float) -> PolicyLoss:
    return clip(LossInput(new, old, advantages, torch.zeros(len(new), dtype=torch.long), **keys))


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
