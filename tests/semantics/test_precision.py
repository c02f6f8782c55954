"""Promise: the precision that the engine samples in does not decide the precision that is trained in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from mem1.config import build
from mem1.errors import ModelError
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.recipe import Recipe
from mem1.runtime.models import LocalModel, build_local
from mem1.train.config import OptimizerConfig
from mem1.train.policy.optimizer import clip_gradient, make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from tests.unit.inference.hf_models import EXACT
from tests.unit.inference.hf_models import build as build_model
from tests.unit.train.episodes import episode, turn


def opened(model: Path, dtype: str) -> LocalModel:
    recipe = build(Recipe, {"model": str(model), "engine": {"dtype": dtype, "device": "cpu"}}, where="test")
    return build_local(recipe, lambda: (), trains=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model as most are stored: in bfloat16."""
    build_model(EXACT["llama"]).bfloat16().save_pretrained(tmp_path)
    load_tokenizer("builtin:tiny").save(tmp_path)
    return tmp_path


def moved(policy: Policy, *, autocast: bool, steps: int = 50) -> float:
    """Share of the weights that differ after so many steps at the default learning rate."""
    policy.autocast = autocast
    before = nn.utils.parameters_to_vector(policy.parameters()).detach().clone()
    optimizer = make_optimizer(list(policy.parameters()), [], OptimizerConfig(), critic_lr=0.0)
    (row,) = make_batch([episode("e", [turn(0, range(20, 40), range(50, 80), prefix=20)])], capacity=100).rows
    for _ in range(steps):
        optimizer.zero_grad()
        torch.autograd.backward(-policy.evaluate(row).logprobs.mean())
        assert all(p.grad is None or p.grad.dtype is torch.float32 for p in policy.parameters())
        clip_gradient(policy.parameters(), 1.0)
        optimizer.step()
    return float((nn.utils.parameters_to_vector(policy.parameters()) != before).float().mean())


def dtypes(parameters: Sequence[torch.Tensor]) -> set[torch.dtype]:
    return {parameter.dtype for parameter in parameters}


@pytest.mark.parametrize("dtype", ["bfloat16", "auto"])
def test_an_engine_in_bfloat16_trains_as_many_weights_as_one_in_float32(folder: Path, dtype: str) -> None:
    expected = moved(opened(folder, "float32").trained, autocast=False)
    assert expected > 0.5  # else the comparison says nothing
    for autocast in (False, True):
        assert moved(opened(folder, dtype).trained, autocast=autocast) == pytest.approx(expected, abs=0.02)


def test_the_sampler_writes_with_the_trained_weights_rounded(folder: Path) -> None:
    local = opened(folder, "bfloat16")
    policy = local.trained
    assert dtypes(list(policy.parameters())) == {torch.float32}
    assert dtypes(list(local.policy.parameters())) == {torch.bfloat16}
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.01)
    local.hand_over(7)
    assert local.sampler.policy_version == 7
    for ours, theirs in zip(policy.parameters(), local.policy.parameters(), strict=True):
        assert torch.equal(ours.bfloat16(), theirs)


def test_a_sampler_in_float32_shares_the_trained_weights(folder: Path) -> None:
    local = opened(folder, "float32")
    assert local.trained is local.policy


def test_weights_that_are_not_numbers_are_refused_by_name(tmp_path: Path) -> None:
    model = build_model(EXACT["llama"])
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 2] = torch.nan
    model.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"layers.1.mlp.up_proj.weight holds values that are not finite"):
        load_model(str(tmp_path), device="cpu")
