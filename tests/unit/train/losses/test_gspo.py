"""GSPO, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.train.losses.base import LossInput
from mem1.train.losses.gspo import gspo


def test_the_ratio_is_the_geometric_mean_over_the_sequence() -> None:
    # sequence 7: ratios 4 and 1, mean 2; sequence 2: ratio 0.5. The two are interleaved, as in a packed row.
    new = torch.tensor([0.4, 0.2, 0.3]).log().requires_grad_()
    old = torch.tensor([0.1, 0.4, 0.3]).log()
    given = LossInput(new, old, torch.tensor([1.0, 1.0, 1.0]), torch.tensor([7, 2, 7]), clip_low=0.6, clip_high=2.0)
    found = gspo(given)
    assert found.ratio.tolist() == pytest.approx([2.0, 0.5, 2.0])
    assert found.loss.tolist() == pytest.approx([-2.0, -0.5, -2.0])
    (gradient,) = torch.autograd.grad(found.loss.sum() / 3, new)
    # d s / d log p of one of two tokens is s / 2, and the sequence has two entries in the sum: s each
    assert gradient.tolist() == pytest.approx([-2 / 3, -0.5 / 3, -2 / 3])


def test_its_gradient_is_that_of_the_papers_objective() -> None:
    """Mean over sequences of -s A: differentiated as it is written, and by the tokens' losses weighted 1 / |y|."""
    new = torch.tensor([-0.3, -0.7, -0.2, -1.0], requires_grad=True)
    old = torch.tensor([-0.5, -0.4, -0.3, -0.9])
    sequence, advantages = torch.tensor([0, 0, 0, 1]), torch.tensor([1.0, 1.0, 1.0, -1.0])
    ratios = torch.stack([(new[:3] - old[:3]).mean().exp(), (new[3:] - old[3:]).mean().exp()])
    (plain,) = torch.autograd.grad((ratios * torch.tensor([-1.0, 1.0])).mean(), new)
    found = gspo(LossInput(new, old, advantages, sequence, clip_low=0.9, clip_high=9.0)).loss
    (ours,) = torch.autograd.grad((found * torch.tensor([1 / 6, 1 / 6, 1 / 6, 1 / 2])).sum(), new)
    assert torch.allclose(plain, ours, atol=1e-6)


def test_a_sequence_out_of_range_loses_its_gradient_as_a_whole() -> None:
    new = torch.tensor([0.4, 0.1]).log().requires_grad_()
    old = torch.tensor([0.1, 0.1]).log()
    found = gspo(LossInput(new, old, torch.tensor([1.0, 1.0]), torch.tensor([0, 0]), clip_low=0.2, clip_high=0.2))
    assert found.clipped.tolist() == [True, True]
    assert found.loss.tolist() == pytest.approx([-1.2, -1.2])
    (gradient,) = torch.autograd.grad(found.loss.sum(), new)
    assert gradient.tolist() == [0.0, 0.0]
