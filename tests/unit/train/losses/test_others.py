"""CISPO and GSPO, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mem1.train.losses.cispo import cispo_loss
from mem1.train.losses.gspo import gspo_loss


def logs(*probabilities: float) -> torch.Tensor:
    return torch.tensor([math.log(p) for p in probabilities])


def test_cispo_cuts_the_weight_and_keeps_the_gradient() -> None:
    """Ratios 2, 1 and 1/2 with a cap of 1.2: weights 1.2, 1, .5; d/d log p of -w A log p is -w A."""
    new = logs(0.4, 0.3, 0.1).requires_grad_()
    found = cispo_loss(new, logs(0.2, 0.3, 0.2), torch.tensor([1.0, -2.0, 1.0]), clip_high=0.2)
    expected = [-1.2 * math.log(0.4), 2 * math.log(0.3), -0.5 * math.log(0.1)]
    assert found.loss.tolist() == pytest.approx(expected)
    assert found.clipped.tolist() == [True, False, False]
    assert found.ratio.tolist() == pytest.approx([2.0, 1.0, 0.5])
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == pytest.approx([-1.2, 2.0, -0.5])


def test_gspo_has_one_ratio_a_sequence() -> None:
    """Sequence 7: ratios 2 and 1/2, whose geometric mean is 1. Sequence 9: 4 and 1, mean 2, held at 1.5."""
    new = logs(0.4, 0.1, 0.8, 0.3).requires_grad_()
    old = logs(0.2, 0.2, 0.2, 0.3)
    found = gspo_loss(new, old, torch.ones(4), torch.tensor([7, 7, 9, 9]), clip_low=0.5, clip_high=0.5)
    assert found.ratio.tolist() == pytest.approx([1.0, 1.0, 2.0, 2.0])
    assert found.loss.tolist() == pytest.approx([-1.0, -1.0, -1.5, -1.5])
    assert found.clipped.tolist() == [False, False, True, True]
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    # d s / d log p_t = s / length for each of the sequence's tokens, and two tokens bear s: -2 * 1 / 2. Held: none.
    assert gradient.tolist() == pytest.approx([-1.0, -1.0, 0.0, 0.0])


def test_gspo_holds_a_falling_sequence_with_a_negative_advantage() -> None:
    found = gspo_loss(logs(0.1), logs(0.4), torch.tensor([-2.0]), torch.tensor([0]), clip_low=0.5, clip_high=0.5)
    assert found.loss.tolist() == pytest.approx([1.0])  # 2 * (1 - .5) and not 2 * .25
    assert found.clipped.tolist() == [True]


def test_where_nothing_changed_both_are_the_policy_gradient() -> None:
    new = logs(0.3, 0.6).requires_grad_()
    advantages = torch.tensor([2.0, -3.0])
    apart = torch.tensor([0, 1])
    for loss in (
        cispo_loss(new, new.detach(), advantages, clip_high=0.2).loss,
        gspo_loss(new, new.detach(), advantages, apart, clip_low=0.2, clip_high=0.2).loss,
    ):
        (gradient,) = torch.autograd.grad(loss.sum(), new)
        assert gradient.tolist() == pytest.approx([-2.0, 3.0])
