"""Logits in chunks: the numbers and gradients of the whole, from no more logits than a chunk's, or a refusal."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import LlamaConfig, LlamaForCausalLM

from mem1.errors import ModelError
from mem1.train.config import LoraConfig
from mem1.train.policy.adapters import add_adapter
from mem1.train.policy.critic import ValueHead, make_critic
from mem1.train.policy.forward import TokenOutputs
from mem1.train.policy.policy import Policy, reference_of
from mem1.train.rows.packing import PackedRow, pack
from mem1.train.rows.samples import Sample
from tests.semantics.families import family

PROMPT = tuple(range(3, 23))
BRANCHES = (tuple(range(30, 41)), tuple(range(50, 57)), (60,))
TRAINED = sum(len(branch) for branch in BRANCHES)  # 19 tokens


def tree(*branches: tuple[int, ...]) -> PackedRow:
    """Branches behind the prompt, all of whose tokens are trained."""
    samples, first = [], 0
    for branch in branches or BRANCHES:
        flat = tuple(range(first, first + len(branch)))
        trained = (False,) * len(PROMPT) + (True,) * len(branch)
        samples.append(Sample(0, "g", PROMPT + branch, len(PROMPT), trained, flat))
        first += len(branch)
    (row,) = pack(samples, capacity=1000)
    return row


def policy_of(name: str, chunk: int, dtype: torch.dtype = torch.float64, **settings: Any) -> Policy:
    model = family(name)
    nn.Module.to(model, dtype)
    policy = Policy(model, **settings)
    policy.chunk_logits(chunk)
    return policy


def seen(policy: Policy, row: PackedRow, **wanted: bool) -> tuple[TokenOutputs, Tensor]:
    """What a policy says of ``row``, and the gradient of a sum in which no two tokens count alike."""
    out = policy.evaluate(row, **wanted)
    weights = torch.linspace(-1, 2, len(out.logprobs), dtype=out.logprobs.dtype)
    loss = (weights * out.logprobs).sum()
    if wanted.get("entropy_gradient"):
        assert out.entropy is not None
        loss = loss + 0.3 * (weights.flip(0) * out.entropy).sum()
    if out.values is not None:
        loss = loss + out.values.sum()
    trained = [weight for weight in policy.parameters() if weight.requires_grad]
    grads = torch.autograd.grad(loss, trained, allow_unused=True)
    return out, torch.cat([grad.flatten() for grad in grads if grad is not None])


def off(found: Tensor, expected: Tensor) -> float:
    """Relative."""
    return float((found.double() - expected.double()).detach().norm() / expected.detach().double().norm())


class LogitsSeen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The most rows of any logits: a column for each token of the vocabulary. Forward and backward."""

    def __init__(self, policy: Policy) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        config = policy.model.config
        self.most, self._vocabulary, self._hidden = 0, config.vocab_size, config.hidden_size

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.ndim >= 2 and leaf.shape[-1] == self._vocabulary:
                rows = leaf.numel() // self._vocabulary
                self.most = max(self.most, rows if rows != self._hidden else 0)  # else: the head's weights
        return out


# ---------------------------------------------------------------- the same numbers


@pytest.mark.parametrize("chunk", [1, 7, 19, 100])
@pytest.mark.parametrize("name", ["llama", "llama tied", "gemma2", "cohere", "granite", "gpt neox", "phi3"])
def test_log_probabilities_entropies_and_gradients_are_those_of_the_whole(name: str, chunk: int) -> None:
    row = tree()
    assert not row.linear
    assert len(row.source) == TRAINED
    whole, expected = seen(policy_of(name, 0, temperature=0.7), row, need_entropy=True, entropy_gradient=True)
    found, gradient = seen(policy_of(name, chunk, temperature=0.7), row, need_entropy=True, entropy_gradient=True)
    assert off(found.logprobs, whole.logprobs) < 1e-12
    assert found.entropy is not None
    assert whole.entropy is not None
    assert off(found.entropy, whole.entropy) < 1e-12
    assert off(gradient, expected) < 1e-12


def test_a_row_of_one_context_is_the_same_too_and_an_entropy_only_shown_has_no_graph() -> None:
    row = tree(BRANCHES[0])
    assert row.linear
    whole, expected = seen(policy_of("qwen3", 0, torch.float32), row, need_entropy=True)
    found, gradient = seen(policy_of("qwen3", 4, torch.float32), row, need_entropy=True)
    torch.testing.assert_close(found.logprobs, whole.logprobs, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.entropy, whole.entropy, rtol=0, atol=1e-5)
    assert found.entropy is not None
    assert not found.entropy.requires_grad
    assert off(gradient, expected) < 1e-5


def test_values_are_read_off_the_same_states() -> None:
    found = []
    for chunk in (0, 5):
        policy = policy_of("llama", chunk)
        policy.value_head = ValueHead(32).double()
        nn.init.ones_(policy.value_head.linear.weight)
        found.append(seen(policy, tree(), need_values=True))
    (whole, expected), (out, gradient) = found
    assert out.values is not None
    assert whole.values is not None
    assert off(out.values, whole.values) < 1e-12
    assert off(gradient, expected) < 1e-12


def test_an_adapter_on_the_head_is_trained_alike() -> None:
    def adapted(chunk: int) -> Policy:
        policy = policy_of("gemma2", 0)
        add_adapter(policy.model, LoraConfig(r=2, targets=("q_proj", "lm_head")), base="test", seed=1)
        torch.manual_seed(5)
        with torch.no_grad():
            for weight in policy.model.parameters():
                if weight.requires_grad:
                    weight.add_(0.2 * torch.randn_like(weight))
                    weight.data = weight.data.double()
        policy.chunk_logits(chunk)
        return policy

    whole, expected = seen(adapted(0), tree())
    found, gradient = seen(adapted(5), tree())
    assert off(found.logprobs, whole.logprobs) < 1e-12
    assert off(gradient, expected) < 1e-12


def test_in_bfloat16_the_sum_over_chunks_is_not_rounded() -> None:
    """Added up in bfloat16, the head's gradient would be 2 % from that of the whole row."""
    row = tree(tuple(range(30, 60)) * 10, tuple(range(33, 60)) * 10)
    grads = []
    for chunk in (0, 1):
        policy = policy_of("llama", chunk, torch.float32, autocast=True)
        policy.ensure_exact()
        with torch.autocast("cpu", torch.bfloat16):  # whoever calls may keep weights in half precision, too
            out = policy.evaluate(row)
        assert out.logprobs.dtype is torch.float32
        torch.autograd.backward((torch.linspace(-1, 2, len(row.source)) * out.logprobs).sum())
        grads.append(policy.model.lm_head.weight.grad)
    assert off(grads[1], grads[0]) < 0.005


# ---------------------------------------------------------------- less memory


@pytest.mark.parametrize("name", ["llama", "bloom"])  # the second one computes the logits of every token if asked
def test_no_more_logits_than_a_chunks_are_ever_made(name: str) -> None:
    most = {}
    for chunk in (0, 4):
        policy = policy_of(name, chunk, torch.float32)
        row = tree(BRANCHES[0]) if name == "bloom" else tree()
        policy.evaluate(row)  # whatever is tried once is over
        with LogitsSeen(policy) as logits:
            out = policy.evaluate(row, need_entropy=True)
            torch.autograd.backward(out.logprobs.sum())
        most[chunk] = logits.most
    assert most[0] >= len(row.source)
    assert most[4] == 4


def test_without_gradient_nothing_is_computed_twice() -> None:
    policy = policy_of("llama", 4, torch.float32)
    row = tree()
    policy.evaluate(row)
    calls: list[int] = []
    policy.model.lm_head.register_forward_hook(lambda module, given, logits: calls.append(logits.shape[1]))
    with torch.no_grad():
        policy.evaluate(row)
    assert calls == [1, 4, 4, 4, 4, 3]  # one for the body, then chunks
    calls.clear()
    torch.autograd.backward(policy.evaluate(row).logprobs.sum())
    assert sorted(calls) == sorted([1, *2 * [4, 4, 4, 4, 3]])


def test_the_model_itself_is_as_before() -> None:
    policy = policy_of("llama", 4, torch.float32)
    parts = dict(policy.model.named_modules())
    ids = torch.arange(5, 15)[None]
    before = policy.model(input_ids=ids, use_cache=False).logits
    policy.evaluate(tree())
    assert dict(policy.model.named_modules()) == parts
    assert torch.equal(policy.model(input_ids=ids, use_cache=False).logits, before)


def test_a_reference_and_a_critic_of_its_own_do_likewise() -> None:
    policy = policy_of("llama", 4, torch.float32)
    assert reference_of(policy).logit_chunk == 4
    assert make_critic(policy, "separate").logit_chunk == 4


@pytest.mark.parametrize("name", ["llama4 scaled", "bert decoder"])  # a base of another name; a head of three layers
def test_a_head_is_found_whatever_it_is_called(name: str) -> None:
    row = tree(BRANCHES[0])
    whole = policy_of(name, 0, torch.float32).evaluate(row).logprobs
    chunks = policy_of(name, 4, torch.float32).evaluate(row).logprobs
    torch.testing.assert_close(chunks, whole, rtol=0, atol=1e-5)


# ---------------------------------------------------------------- refusals


def test_a_model_whose_head_does_not_run_alone_is_refused_by_name() -> None:
    with pytest.raises(ModelError, match=r"OPTForCausalLM cannot be computed in chunks: .* without its body"):
        policy_of("opt", 4)


class Placed(LlamaForCausalLM):  # type: ignore[no-untyped-call]
    """Logits that depend on the place in the row."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits * torch.arange(1, 1 + output.logits.shape[1])[:, None]
        return output


def test_logits_that_depend_on_the_place_are_refused_after_a_trial() -> None:
    config = family("llama").config
    assert isinstance(config, LlamaConfig)
    model = Placed(config)
    with pytest.raises(ModelError, match=r"Placed cannot be computed in chunks: in a trial they were .* nats off"):
        Policy(model).chunk_logits(4)
    Policy(model).chunk_logits(0)
