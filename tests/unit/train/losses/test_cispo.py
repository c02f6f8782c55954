"""CISPO, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.train.losses.base import LossInput
from mem1.train.losses.cispo import cispo


def test_every_token_keeps_a_gradient_by_a_bounded_weight() -> None:
    new = torch.tensor([0.6, 0.6, 0.1]).log().requires_grad_()  # ratios 3, 3, .5
    old = torch.tensor([0.2, 0.2, 0.2]).log()
    given = LossInput(new, old, torch.tensor([1.0, -1.0, 2.0]), torch.arange(3), clip_low=0.2, clip_high=1.0)
    found = cispo(given)
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == pytest.approx([-2.0, 2.0, -1.6])  # weights 2, 2, .8
    assert found.ratio.tolist() == pytest.approx([3.0, 3.0, 0.5])
    assert not found.clipped.any()


def test_the_first_update_is_the_policy_gradient() -> None:
    new = torch.tensor([-0.5, -2.0], requires_grad=True)
    found = cispo(LossInput(new, new.detach(), torch.tensor([2.0, -3.0]), torch.arange(2)))
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == [-2.0, 3.0]
