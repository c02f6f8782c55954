"""A low-rank adapter: exact in packed rows, seen by the sampler, off for the reference, whole on disk."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from mem1.errors import CheckpointError, ConfigError, ModelError
from mem1.inference.base import Request, Section
from mem1.inference.hf.adapter import fingerprint_of
from mem1.inference.hf.loading import load_model
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.train.config import LoraConfig
from mem1.train.policy.adapters import adapter_dropout, adapter_off, add_adapter, is_adapted, load_adapter, save_adapter
from mem1.train.policy.exactness import check_exact
from mem1.train.policy.policy import BasePolicy, Policy, reference_of
from mem1.train.rows.batch import Batch, make_batch
from mem1.types import Episode
from tests.semantics.test_exactness import random_turns
from tests.unit.inference.hf_models import EXACT, SIZES, TOKENIZER, build
from tests.unit.train.episodes import episode

LORA = LoraConfig(r=4, alpha=8)
IDS = torch.arange(5, 45)[None]


def adapted(name: str = "llama", config: LoraConfig = LORA, *, trained: bool = True, seed: int = 0) -> PreTrainedModel:
    """A tiny model with an adapter that changes what it says, as if it had been trained."""
    model = build(EXACT[name])
    add_adapter(model, config, base="somewhere/base", seed=seed)
    if trained:
        shake(model)
    return model


def shake(model: PreTrainedModel) -> None:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))


def logits(model: PreTrainedModel) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(input_ids=IDS).logits
    return found


def forest() -> list[Episode]:
    """Two groups of three episodes of three rewritten contexts each."""
    rng = random.Random(3)
    episodes: list[Episode] = []
    for group in range(2):
        prompt = [rng.randrange(SIZES["vocab_size"]) for _ in range(30)]
        for _ in range(3):
            turns = random_turns(rng, prompt, 3, kind="rewrite", vocabulary=SIZES["vocab_size"])
            episodes.append(episode(f"e{len(episodes)}", turns, group=f"g{group}"))
    return episodes


def flat(policy: Policy, batch: Batch) -> Tensor:
    order = torch.cat([row.flat for row in batch.rows])
    return torch.cat([policy.evaluate(row).logprobs for row in batch.rows])[torch.argsort(order)]


def gradients(policy: Policy, logprobs: Tensor) -> Tensor:
    weights = torch.linspace(-1, 2, len(logprobs))
    trained = [parameter for parameter in policy.parameters() if parameter.requires_grad]
    grads = torch.autograd.grad((weights * logprobs).sum(), trained)
    return torch.cat([grad.flatten() for grad in grads])


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3"])
def test_packed_rows_equal_the_reference_with_the_adapter_on(name: str) -> None:
    model = adapted(name)
    check_exact(model)
    policy = Policy(model)
    packed_batch = make_batch(forest(), capacity=400)
    reference_batch = make_batch(forest(), capacity=400, view="reference")
    assert len(packed_batch.rows) < len(reference_batch.rows)
    reference, packed = flat(policy, reference_batch), flat(policy, packed_batch)
    assert (packed - reference).abs().max().item() < 1e-4
    expected = gradients(policy, reference)
    assert expected.norm() > 0
    assert (gradients(policy, packed) - expected).norm() / expected.norm() < 1e-5
    with adapter_off(model), torch.no_grad():
        assert (flat(policy, packed_batch) - packed).abs().max().item() > 0.1, "the adapter says something"


def test_a_new_adapter_changes_nothing_and_only_it_is_trained() -> None:
    plain, model = build(EXACT["llama"]), adapted(trained=False)
    assert torch.equal(logits(model), logits(plain))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained
    assert all(".lora_" in name for name in trained)
    # 2 layers; q, o: 32 -> 32; k, v: 32 -> 16; gate, up: 32 -> 48; down: 48 -> 32; each r * (in + out)
    each = 4 * (2 * (32 + 32) + 2 * (32 + 16) + 3 * (32 + 48))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 2 * each
    assert not any(part.training for part in model.modules())


def test_the_seed_draws_the_adapter_and_leaves_other_random_numbers_alone() -> None:
    model = build(EXACT["llama"])
    state = torch.get_rng_state()
    add_adapter(model, LORA, base="b", seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    same, other = adapted(trained=False, seed=1), adapted(trained=False, seed=2)
    key = "model.layers.0.self_attn.q_proj.lora_A.default.weight"
    assert torch.equal(same.state_dict()[key], model.state_dict()[key])
    assert not torch.equal(other.state_dict()[key], model.state_dict()[key])


def test_unknown_targets_are_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"no linear layer called nope(.|\n)*k_proj, .*q_proj"):
        add_adapter(build(EXACT["llama"]), LoraConfig(targets=("q_proj", "nope")), base="b", seed=0)


def test_the_sampler_uses_the_adapted_weights() -> None:
    """What the engine reports of a completion equals what the trainer says of it, with the adapter on."""
    model = adapted()
    engine = TransformersEngine(model, TOKENIZER, slots=2)
    section = Section(name="all", stops=(), final_stops=(), budget=12)
    prompt = tuple(range(20, 45))
    request = Request(prompt=prompt, sections=(section,), session="s", seed=4)
    completion = asyncio.run(engine.generate(request))
    ids = torch.tensor([prompt + completion.token_ids])
    with torch.no_grad():
        scores = model(input_ids=ids).logits[0].log_softmax(-1)
    for index, token in enumerate(completion.token_ids):
        assert completion.logprobs[index] == pytest.approx(scores[len(prompt) - 1 + index, token].item(), abs=1e-4)
    with adapter_off(model), torch.no_grad():
        base = model(input_ids=ids).logits[0].log_softmax(-1)
    assert (base - scores).abs().max() > 0.1


def test_the_reference_is_the_base_and_costs_no_copy() -> None:
    model, plain = adapted(), build(EXACT["llama"])
    policy = Policy(model)
    reference = reference_of(policy)
    assert isinstance(reference, BasePolicy)
    assert reference.model is model
    batch = make_batch(forest(), capacity=400)
    with torch.no_grad():
        before = flat(policy, batch)
        assert (flat(reference, batch) - flat(Policy(plain), batch)).abs().max().item() < 1e-6
        assert torch.equal(flat(policy, batch), before), "the adapter is on again"
    assert [name for name, p in model.named_parameters() if p.requires_grad]
    shake(model)
    with torch.no_grad():
        assert (flat(reference, batch) - flat(Policy(plain), batch)).abs().max().item() < 1e-6


def test_without_an_adapter_the_reference_is_a_frozen_copy() -> None:
    policy = Policy(build(EXACT["llama"]))
    reference = reference_of(policy)
    assert reference.model is not policy.model
    assert not any(parameter.requires_grad for parameter in reference.parameters())
    assert all(parameter.requires_grad for parameter in policy.parameters())


def test_dropout_is_on_only_where_it_is_asked_for() -> None:
    model = adapted(config=LoraConfig(r=4, alpha=8, dropout=0.5))
    quiet = logits(model)
    assert torch.equal(logits(model), quiet)
    with adapter_dropout(model):
        torch.manual_seed(0)
        first = logits(model)
        torch.manual_seed(0)
        assert torch.equal(logits(model), first)
        assert not torch.equal(logits(model), first)
    assert torch.equal(logits(model), quiet)
    check_exact(model)


# ---------------------------------------------------------------- on disk


def test_an_adapter_comes_back_bit_for_bit(tmp_path: Path) -> None:
    model = adapted()
    save_adapter(model, tmp_path)
    other = adapted(trained=False, seed=9)
    load_adapter(other, tmp_path)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())
    again = tmp_path / "again"
    save_adapter(other, again)
    for file in sorted(tmp_path.glob("*.*")):
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


def test_an_adapter_of_another_shape_or_base_is_refused(tmp_path: Path) -> None:
    save_adapter(adapted(), tmp_path / "four")
    with pytest.raises(CheckpointError, match="another rank or other targets"):
        load_adapter(adapted(config=LoraConfig(r=2, alpha=8)), tmp_path / "four")
    changed = build(EXACT["llama"])
    with torch.no_grad():
        changed.model.layers[1].mlp.up_proj.weight[0, 0] += 1
    add_adapter(changed, LORA, base="somewhere/base", seed=0)
    with pytest.raises(CheckpointError, match="trained on other weights than those of somewhere/base"):
        load_adapter(changed, tmp_path / "four")
    with pytest.raises(CheckpointError, match="holds a whole model"):
        load_adapter(adapted(), tmp_path)


def test_a_base_is_recognised_in_any_precision() -> None:
    model = build(EXACT["llama"])
    before = fingerprint_of(model)
    assert fingerprint_of(model.to(torch.bfloat16)) == before  # type: ignore[arg-type]
    assert fingerprint_of(build(EXACT["qwen2"])) != before


def test_the_folder_of_an_adapter_is_loaded_merged(tmp_path: Path) -> None:
    base, folder = tmp_path / "base", tmp_path / "adapter"
    build(EXACT["llama"]).save_pretrained(base)
    model = load_model(str(base), device="cpu")
    add_adapter(model, LORA, base=str(base), seed=0)
    shake(model)
    save_adapter(model, folder)
    merged = load_model(str(folder), device="cpu")
    assert (logits(merged) - logits(model)).abs().max().item() < 1e-4
    assert (logits(merged) - logits(load_model(str(base), device="cpu"))).abs().max().item() > 0.1
    assert not is_adapted(merged)
    assert set(merged.state_dict()) == set(load_model(str(base), device="cpu").state_dict())

    other = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        other.model.norm.weight[0] += 1
    other.save_pretrained(base)
    with pytest.raises(ModelError, match="trained on other weights"):
        load_model(str(folder), device="cpu")


def test_peft_itself_reads_the_folder(tmp_path: Path) -> None:
    """What is exported is an ordinary adapter, for programs that know peft and not us."""
    from peft import PeftModel

    model = adapted()
    save_adapter(model, tmp_path)
    wrapped = PeftModel.from_pretrained(build(EXACT["llama"]), str(tmp_path))
    with torch.no_grad():
        assert (wrapped(input_ids=IDS).logits - logits(model)).abs().max().item() < 1e-5
    assert json.loads((tmp_path / "adapter_config.json").read_text())["base_model_name_or_path"] == "somewhere/base"


def test_without_peft_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)  # importing it fails, as where it is not installed
    with pytest.raises(ModelError, match=r"'\.\[lora\]'"):
        add_adapter(build(EXACT["llama"]), LORA, base="b", seed=0)
