"""Sampling by inversion: right frequencies, right log-probabilities, independent streams."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mem1.inference.hf.sampling import sample, uniforms


def test_inverts_the_distribution_function() -> None:
    """Probabilities 1/8, 0, 5/8, 2/8: the borders lie at 0.125 and 0.75."""
    logits = torch.tensor([[0.125, 0.0, 0.625, 0.25]]).log()
    for number, token in [(0.0, 0), (0.124, 0), (0.126, 2), (0.749, 2), (0.751, 3), (1 - 2**-53, 3)]:
        (drawn,), (logprob,) = sample(logits, [number], [1.0])
        assert drawn == token
        assert logprob == pytest.approx(math.log([0.125, 0.0, 0.625, 0.25][token]), abs=1e-6)


def test_the_reported_logprob_is_that_of_what_was_sampled_from() -> None:
    """At temperature 1/2 probabilities 1/4, 3/4 become 1/10, 9/10."""
    logits = torch.tensor([[0.25, 0.75]]).log()
    for number, token, share in [(0.09, 0, 0.1), (0.11, 1, 0.9)]:
        tokens, logprobs = sample(logits, [number], [0.5])
        assert tokens == [token]
        assert logprobs == pytest.approx([math.log(share)], abs=1e-6)


def test_logits_in_float64_are_worked_with_in_float64() -> None:
    logits = torch.tensor([[0.0, 1e-9]], dtype=torch.float64)
    tokens, logprobs = sample(logits, [0.9], [1.0])
    assert tokens == [1]
    assert logprobs == pytest.approx([math.log(0.5) + 0.5e-9], abs=1e-15)


def test_rows_of_different_temperatures() -> None:
    logits = torch.tensor([[0.25, 0.75]]).log().repeat(3, 1)
    tokens, logprobs = sample(logits, [0.2, 0.2, 0.0], [1.0, 0.5, 0.0])
    assert tokens == [0, 1, 1]
    assert logprobs == pytest.approx([math.log(0.25), math.log(0.9), math.log(0.75)], abs=1e-6)


def test_frequencies_over_a_vocabulary_of_several_blocks() -> None:
    """Weights 1, 2, ..., 150; each token's count within 5 standard deviations of what is expected."""
    weights = torch.arange(1, 151, dtype=torch.float32)
    draws = 40_000
    tokens, _ = sample(weights.log().expand(draws, -1), uniforms(7, draws), [1.0] * draws)
    counts = torch.bincount(torch.tensor(tokens), minlength=150)
    share = weights / weights.sum()
    deviation = (counts - draws * share) / (draws * share * (1 - share)).sqrt()
    assert float(deviation.abs().max()) < 5


@given(st.integers(1, 300), st.integers(0, 2**31), st.floats(0, 1, exclude_max=True))
def test_never_draws_what_has_no_probability(vocabulary: int, seed: int, number: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 20 * torch.randn(1, vocabulary, generator=generator)
    logits[torch.rand(1, vocabulary, generator=generator) < 0.5] = -torch.inf
    logits[0, vocabulary // 2] = 0.0
    (token,), (logprob,) = sample(logits, [number], [1.0])
    assert 0 <= token < vocabulary
    assert logits[0, token] > -torch.inf
    assert logprob == pytest.approx(float(logits.log_softmax(-1)[0, token]), abs=1e-5, rel=1e-5)


def test_streams_are_counted_not_drawn() -> None:
    assert uniforms(3, 5) == uniforms(3, 9)[:5]
    assert uniforms(3, 5) != uniforms(4, 5)
    assert uniforms(-1, 2) != uniforms(1, 2)


def test_half_precision_logits_are_taken_as_float32() -> None:
    logits = torch.zeros(1, 5000, dtype=torch.bfloat16)
    _, (logprob,) = sample(logits, [0.3], [1.0])
    assert logprob == pytest.approx(-math.log(5000), abs=1e-6)


def test_broken_weights_are_not_sampled_from() -> None:
    with pytest.raises(FloatingPointError, match="not numbers"):
        sample(torch.tensor([[0.0, math.nan]]), [0.5], [1.0])
