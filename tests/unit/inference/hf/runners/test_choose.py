"""Forward passes: what the cache holds after growing and copying, and which models it is exact for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    PreTrainedModel,
)

from mem1.inference.hf.runners.base import Feed
from mem1.inference.hf.runners.batched import SlotRunner
from mem1.inference.hf.runners.choose import make_runner, why_plain
from mem1.inference.hf.runners.single import PlainRunner
from tests.unit.inference.hf_models import EXACT, SIZES, WINDOWED, build

TOKENS = tuple(range(20, 220))


@pytest.fixture
def model() -> PreTrainedModel:
    return build(EXACT["llama"])


def expected(model: PreTrainedModel, tokens: tuple[int, ...]) -> torch.Tensor:
    """Logits after the last of ``tokens``, from one pass without a cache."""
    with torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]
    return logits


def test_the_cache_grows_and_keeps_what_it_held(model: PreTrainedModel) -> None:
    runner = SlotRunner(model)
    runner.forward([Feed(0, 0, TOKENS[:10])])
    runner.forward([Feed(3, 0, TOKENS[:190])])  # more slots and more positions
    (logits,) = runner.forward([Feed(0, 10, TOKENS[10:15])])
    torch.testing.assert_close(logits, expected(model, TOKENS[:15]), atol=1e-4, rtol=0)


def test_the_three_ways_of_decoding(model: PreTrainedModel) -> None:
    """All slots live, some idle ones among them, hardly any live: the same logits."""
    runner = SlotRunner(model)
    for slot in range(6):
        runner.forward([Feed(slot, 0, TOKENS[slot : slot + 20 + slot])])
    for live in ([0, 1, 2, 3, 4, 5], [5, 0, 3, 4], [5, 1]):
        logits = runner.forward([Feed(slot, 20 + slot, [7]) for slot in live])
        for row, slot in enumerate(live):
            wanted = expected(model, (*TOKENS[slot : slot + 20 + slot], 7))
            torch.testing.assert_close(logits[row], wanted, atol=1e-4, rtol=0)


def test_a_copied_beginning_is_as_good_as_a_computed_one(model: PreTrainedModel) -> None:
    runner = SlotRunner(model)
    runner.forward([Feed(0, 0, TOKENS[:50])])
    runner.copy(0, 9, 30)
    (logits,) = runner.forward([Feed(9, 30, (7, 8, 9))])
    torch.testing.assert_close(logits, expected(model, (*TOKENS[:30], 7, 8, 9)), atol=1e-4, rtol=0)


def test_half_precision() -> None:
    model = build(EXACT["qwen3"])
    torch.nn.Module.to(model, torch.bfloat16)
    runner = SlotRunner(model)
    runner.forward([Feed(0, 0, TOKENS[:9]), Feed(1, 0, TOKENS[:30])])
    logits = runner.forward([Feed(0, 9, [7]), Feed(1, 30, [7])])
    assert logits.dtype is torch.bfloat16
    assert bool(logits.isfinite().all())


def test_a_beginning_may_only_be_copied_in_slots() -> None:
    runner = PlainRunner(build(WINDOWED["mistral"]))
    assert not runner.reuses
    with pytest.raises(NotImplementedError):
        runner.copy(0, 1, 3)


@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_models(name: str) -> None:
    assert isinstance(make_runner(build(EXACT[name]), 512), SlotRunner)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (WINDOWED["mistral"], "window of 16 is shorter"),
        (WINDOWED["gemma3"], "window of 16 is shorter"),
        (
            lambda: MambaForCausalLM(MambaConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1)),
            "layers|keys|takes no",
        ),
        (lambda: BloomForCausalLM(BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=2)), "position_ids"),
        (
            lambda: LlamaForCausalLM(
                LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4})
            ),
            "rotary positions",
        ),
    ],
)
def test_other_models_say_why(make: Callable[[], PreTrainedModel], reason: str) -> None:
    model = build(make)
    found = why_plain(model, 512)
    assert found is not None
    assert any(part in found for part in reason.split("|"))
    assert isinstance(make_runner(model, 512), PlainRunner)
