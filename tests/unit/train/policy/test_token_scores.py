"""Log-probabilities in pieces: the plain formulas' numbers and gradients, and what they keep in memory."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mem1.train.policy.token_scores import token_scores


def plain(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    logs = logits.float().log_softmax(-1)
    return logs.gather(-1, target[:, None])[:, 0], -(logs.exp() * logs).sum(-1)


def kept_bytes(logits: Tensor, target: Tensor, *, entropy: bool, gradient: bool) -> int:
    """Bytes that autograd keeps for the backward pass, each storage once."""
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        token_scores(logits * 1, target, entropy=entropy, entropy_gradient=gradient)
    return sum(kept.values())


def test_two_equal_logits_are_worth_log_two() -> None:
    logprobs, entropy = token_scores(torch.tensor([[0.0, 0.0], [math.log(3), 0.0]]), torch.tensor([1, 0]), entropy=True)
    assert entropy is not None
    assert logprobs.tolist() == pytest.approx([math.log(0.5), math.log(0.75)])
    assert entropy.tolist() == pytest.approx([math.log(2), -0.75 * math.log(0.75) - 0.25 * math.log(0.25)])


def test_the_gradient_of_two_logits_is_worked_out_by_hand() -> None:
    logits = torch.tensor([[math.log(3), 0.0]], requires_grad=True)  # p = 3/4, 1/4
    logprobs, entropy = token_scores(logits, torch.tensor([1]), entropy=True, entropy_gradient=True)
    assert entropy is not None
    (of_logprob,) = torch.autograd.grad(logprobs.sum(), logits, retain_graph=True)
    assert of_logprob.tolist()[0] == pytest.approx([-0.75, 0.75])  # onehot - p
    (of_entropy,) = torch.autograd.grad(entropy.sum(), logits)
    slope = -0.75 * (math.log(0.75) + float(entropy.detach()))  # -p (log p + H)
    assert of_entropy.tolist()[0] == pytest.approx([slope, -slope])


def test_the_size_of_logits_costs_no_digits() -> None:
    # Logits about 1,000, of which float32 holds each exactly: their log-sum by itself would be rounded to 6e-5.
    torch.manual_seed(0)
    logits = torch.randint(-512, 512, (200, 64)) / 64 + 1000
    target = torch.randint(64, (200,))
    exact, exact_entropy = token_scores(logits.double(), target, entropy=True)
    found, entropy = token_scores(logits, target, entropy=True)
    assert exact_entropy is not None
    assert entropy is not None
    assert float((found - exact).abs().max()) < 2e-6  # of up to 20 nats
    assert float((entropy - exact_entropy).abs().max()) < 2e-6


@pytest.mark.parametrize("chunk", [1, 21, 10_000])
def test_pieces_of_any_size_give_exact_gradients(chunk: int) -> None:
    torch.manual_seed(0)
    logits = torch.randn(9, 7, dtype=torch.float64, requires_grad=True)
    target = torch.randint(7, (9,))

    def both(values: Tensor) -> tuple[Tensor, Tensor]:
        logprobs, entropy = token_scores(values, target, entropy=True, entropy_gradient=True, chunk=chunk)
        assert entropy is not None
        return logprobs, entropy

    assert torch.autograd.gradcheck(both, (logits,))


def test_half_precision_logits_are_summed_in_float32() -> None:
    torch.manual_seed(0)
    logits = torch.randn(50, 999).bfloat16().requires_grad_()
    target = torch.randint(999, (50,))
    logprobs, entropy = token_scores(logits, target, entropy=True)
    expected, other = plain(logits, target)
    assert logprobs.dtype is torch.float32
    torch.testing.assert_close((logprobs, entropy), (expected, other), rtol=0, atol=1e-5)
    (found,) = torch.autograd.grad(logprobs.sum(), logits)
    (wanted,) = torch.autograd.grad(expected.sum(), logits)
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-4)


def test_a_token_that_cannot_be_written_adds_nothing() -> None:
    logits = torch.tensor([[0.0, -torch.inf, 0.0]], requires_grad=True)
    logprobs, entropy = token_scores(logits, torch.tensor([0]), entropy=True, entropy_gradient=True)
    assert entropy is not None
    assert float(entropy.detach()) == pytest.approx(math.log(2))
    (found,) = torch.autograd.grad((logprobs + entropy).sum(), logits)
    assert found.tolist()[0] == pytest.approx([0.5, 0.0, -0.5], abs=1e-6)


def test_an_entropy_that_is_only_shown_has_no_graph_and_costs_nothing() -> None:
    logits = torch.randn(64, 30_000, requires_grad=True)
    target = torch.randint(30_000, (64,))
    _, entropy = token_scores(logits, target, entropy=True)
    assert entropy is not None
    assert not entropy.requires_grad
    whole = logits.nbytes
    without = kept_bytes(logits, target, entropy=False, gradient=False)
    assert whole <= without < 1.01 * whole  # the logits themselves and a few numbers a row
    assert kept_bytes(logits, target, entropy=True, gradient=False) == without
    assert kept_bytes(logits, target, entropy=True, gradient=True) < 1.01 * whole
