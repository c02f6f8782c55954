"""Activations that are computed again: the same gradient from less memory, and a sampler that notices nothing."""

from __future__ import annotations

import asyncio

import pytest
import torch
from torch import Tensor, nn

from mem1.errors import ModelError
from mem1.inference.base import Request, Section
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.train.policy.checkpointing import checkpointed
from mem1.train.policy.critic import make_critic
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import View, make_batch
from mem1.types import Completion
from tests.e2e.toy import ToyRollout, tiny_policy


def kept_and_gradient(policy: Policy, view: View) -> tuple[int, list[Tensor]]:
    """Bytes of activations that forward keeps for backward, and the gradient."""
    episodes = list(ToyRollout(tiny_policy(), groups=1, size=4)(0)[0].episodes)
    (row, *_) = make_batch(episodes, capacity=512, view=view).rows
    policy.evaluate(row)  # whatever is tried once is over
    weights = {p.data_ptr() for p in policy.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    policy.zero_grad()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = policy.evaluate(row).logprobs.sum()
        held = sum(kept.values())
    loss.backward()  # type: ignore[no-untyped-call]
    return held, [p.grad.clone() for p in policy.parameters() if p.grad is not None]


@pytest.mark.parametrize("view", ["packed", "reference"])
def test_the_gradient_is_the_same_and_less_is_kept(view: View) -> None:
    plain, again = tiny_policy(), tiny_policy()
    again.checkpointing = True
    held, gradient = kept_and_gradient(plain, view)
    less, same = kept_and_gradient(again, view)
    assert less < 0.8 * held
    assert len(same) == len(gradient) > 0
    assert all(torch.equal(one, other) for one, other in zip(same, gradient, strict=True))


def test_a_sampler_over_the_same_model_writes_as_before() -> None:
    model = load_model("builtin:tiny", device="cpu")
    asked = Request(tuple(range(5, 40)), (Section("a", (), (), 12),), "s", seed=1)

    def written() -> Completion:
        engine = TransformersEngine(model, load_tokenizer("builtin:tiny"), slots=2, max_context=128)
        return asyncio.run(engine.generate(asked))

    before = written()
    with checkpointed(model):
        model(input_ids=torch.arange(5, 9)[None], use_cache=False).logits.sum().backward()
    after = written()
    assert (after.token_ids, after.logprobs) == (before.token_ids, before.logprobs)
    assert not any(part.training for part in model.modules())


def test_a_model_without_such_layers_is_refused() -> None:
    model = tiny_policy().model
    model.model.layers = nn.ModuleList([nn.Identity()])
    with pytest.raises(ModelError, match="has no layers that can be computed again"), checkpointed(model):
        pass


def test_a_critic_of_its_own_computes_again_as_the_policy_does() -> None:
    policy = tiny_policy()
    assert not make_critic(policy, "separate").checkpointing
    policy.checkpointing = True
    assert make_critic(policy, "separate").checkpointing
