"""The critic's loss, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.train.losses.value import value_loss


def test_value_loss_takes_the_worse_of_plain_and_clipped() -> None:
    values, old, returns = torch.tensor([1.0, 0.1]), torch.tensor([0.0, 0.0]), torch.tensor([1.0, 1.0])
    # plain errors 0 and .81; clipped to .2 and .1: .64 and .81
    assert value_loss(values, old, returns, clip=0.2).tolist() == pytest.approx([0.32, 0.405])
    assert value_loss(values, old, returns, clip=None).tolist() == pytest.approx([0.0, 0.405])
