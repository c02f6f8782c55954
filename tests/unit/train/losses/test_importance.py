"""Weights between the engine and the trainer, worked out by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.train.losses.importance import masked_importance, truncated_importance


def test_truncated_importance() -> None:
    found = truncated_importance(torch.tensor([0.2, 0.9]).log(), torch.tensor([0.4, 0.1]).log(), cap=2.0)
    assert found.tolist() == pytest.approx([0.5, 2.0])
    assert not truncated_importance(
        torch.tensor([-1.0], requires_grad=True), torch.tensor([-2.0]), cap=2.0
    ).requires_grad


def test_a_sequence_is_weighed_or_left_out_as_a_whole() -> None:
    trainer = torch.tensor([0.2, 0.8, 0.6, 0.9]).log()
    rollout = torch.tensor([0.4, 0.4, 0.1, 0.9]).log()
    # ratios .5 and 2 in sequence 5, 6 and 1 in sequence 3: together 1 and 6
    found = masked_importance(trainer, rollout, torch.tensor([5, 5, 3, 3]), cap=2.0)
    assert found.tolist() == pytest.approx([1, 1, 0, 0])
    assert masked_importance(trainer, rollout, torch.tensor([5, 5, 3, 3]), cap=6.1).tolist() == pytest.approx(
        [1, 1, 6, 6]
    )
