"""How much tokens count, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from mem1.train.losses.weights import token_weights


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
