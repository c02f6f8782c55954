"""Tiny random models of several architectures, float32, for the tests of the transformers engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.types import Completion

TOKENIZER = ByteTokenizer()
SIZES: dict[str, Any] = {
    "vocab_size": TOKENIZER.vocabulary_size,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,  # far from uniform, so that a wrong mask or position shows
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": TOKENIZER.eos_id,
}


def _gpt2() -> PreTrainedModel:
    config = GPT2Config(
        vocab_size=TOKENIZER.vocabulary_size, n_embd=32, n_layer=2, n_head=4, n_positions=512, initializer_range=0.3
    )
    return GPT2LMHeadModel(config)


EXACT: dict[str, Callable[[], PreTrainedModel]] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZES)),
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**SIZES)),
    "qwen3": lambda: Qwen3ForCausalLM(Qwen3Config(**SIZES)),
    "gemma": lambda: GemmaForCausalLM(GemmaConfig(**SIZES)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, layer_types=["full_attention"] * 2)),
    "gpt2": _gpt2,
}
WINDOWED: dict[str, Callable[[], PreTrainedModel]] = {
    "mistral": lambda: MistralForCausalLM(MistralConfig(**SIZES, sliding_window=16)),
    "gemma3": lambda: Gemma3ForCausalLM(
        Gemma3TextConfig(**SIZES, layer_types=["sliding_attention", "full_attention"], sliding_window=16)
    ),
}


def build(make: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    """The model, with weights that do not depend on what ran before."""
    torch.manual_seed(0)
    model = make()
    model.train(False)
    return model


def worst_difference(model: PreTrainedModel, prompt: Sequence[int], completion: Completion) -> float:
    """Largest |log-probability reported - that of one full forward pass| over the sampled tokens, in nats."""
    ids = torch.tensor([[*prompt, *completion.token_ids]])
    with torch.no_grad():
        expected = model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
    worst = 0.0
    for index, (token, logprob, sampled) in enumerate(
        zip(completion.token_ids, completion.logprobs, completion.sampled, strict=True)
    ):
        reference = float(expected[len(prompt) + index - 1, token]) if sampled else 0.0
        worst = max(worst, abs(reference - logprob))
    return worst
