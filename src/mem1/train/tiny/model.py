"""Make the small policy: architecture, initial weights, tokenizer."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast, StableLmConfig, StableLmForCausalLM

from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.train.tiny.config import TinyConfig
from mem1.train.tiny.copying import EMBEDDING_STD, FINAL_NORM, install_copying

END = "<|endoftext|>"


def train_tokenizer(texts: Iterable[str], vocabulary: int, control: Iterable[str]) -> HfTokenizer:
    """A byte-level BPE of ``vocabulary`` entries; ``control`` strings are single tokens, digits stand alone."""
    backend = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r"\d"), "isolated")
    backend.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END, *control],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return HfTokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END, pad_token=END))  # type: ignore[no-untyped-call]


def make_tiny(config: TinyConfig, vocabulary: int) -> StableLmForCausalLM:
    """The policy with its initial weights, float32. ``vocabulary`` is the tokenizer's real size."""
    model = StableLmForCausalLM(
        StableLmConfig(
            vocab_size=vocabulary,
            hidden_size=config.hidden,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            intermediate_size=config.intermediate,
            max_position_embeddings=config.max_positions,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0,
                "partial_rotary_factor": config.rotary_share,
            },
            use_qkv_bias=True,
            tie_word_embeddings=True,
            attention_dropout=0.0,
            hidden_dropout=0.0,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    _initialise(model, config)
    return model


@torch.no_grad()
def _initialise(model: nn.Module, config: TinyConfig) -> None:
    """Random weights whose branches start small, so that the circuit is heard from the first step."""
    generator = torch.Generator().manual_seed(config.seed)
    for name, parameter in model.named_parameters():
        if "embed" in name:
            parameter.normal_(0, EMBEDDING_STD if config.copying else 0.1, generator=generator)
        elif parameter.dim() == 2:
            branch = "o_proj" in name or "down_proj" in name
            parameter.normal_(0, (0.2 if branch else 1.0) / math.sqrt(parameter.shape[1]), generator=generator)
    if config.copying:
        assert isinstance(model, StableLmForCausalLM)
        model.model.norm.weight.fill_(FINAL_NORM)
        install_copying(model, seed=config.seed)
