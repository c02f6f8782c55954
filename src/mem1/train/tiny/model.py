"""Make the small policy: architecture, initial weights, tokenizer."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    StableLmConfig,
    StableLmForCausalLM,
)

from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.train.tiny.config import TinyConfig
from mem1.train.tiny.copying import EMBEDDING_STD, FINAL_NORM, TinyModel, install_copying
from mem1.train.tiny.keys import key_texts
from mem1.train.tiny.places import Places

END = "<|endoftext|>"
_THETA = 1e4
# With this base the eight fastest pairs of a head of 64 turn as StableLM's do with theirs (10 ** (-i / 2)), and the
# other 24 hardly turn: content can be compared in them at any distance, in an architecture that every engine carries.
_WHOLE_THETA = 1e16


def train_tokenizer(texts: Iterable[str], vocabulary: int, control: Iterable[str], keys: int = 0) -> HfTokenizer:
    """A byte-level BPE of ``vocabulary`` entries; ``control`` strings are single tokens, digits stand alone.

    The numbers ``(1)`` to ``(keys)`` are single tokens too, added behind the others.
    """
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
    backend.add_tokens([AddedToken(text, normalized=False, special=False) for text in key_texts(keys)])
    return HfTokenizer(PreTrainedTokenizerFast(tokenizer_object=backend, eos_token=END, pad_token=END))  # type: ignore[no-untyped-call]


def make_tiny(config: TinyConfig, vocabulary: int, keys: range = range(0)) -> TinyModel:
    """The policy with its initial weights, float32.

    ``vocabulary`` is the tokenizer's real size, ``keys`` the ids of the numbers that lines begin with.
    """
    common: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": config.hidden,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.heads,
        "intermediate_size": config.intermediate,
        "max_position_embeddings": config.max_positions,
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    size = config.hidden // config.heads
    if config.architecture == "qwen2":
        rope = {"rope_type": "default", "rope_theta": _WHOLE_THETA}
        model: TinyModel = Qwen2ForCausalLM(Qwen2Config(**common, rope_parameters=rope, use_sliding_window=False))
        places = Places.whole(size, _WHOLE_THETA)
    else:
        rope = {"rope_type": "default", "rope_theta": _THETA, "partial_rotary_factor": config.rotary_share}
        model = StableLmForCausalLM(
            StableLmConfig(**common, rope_parameters=rope, use_qkv_bias=True, hidden_dropout=0.0)
        )
        places = Places.partial(size, config.rotary_share, _THETA)
    _initialise(model, config, places, keys)
    return model


@torch.no_grad()
def _initialise(model: TinyModel, config: TinyConfig, places: Places, keys: range) -> None:
    """Random weights whose branches start small, so that the circuit is heard from the first step."""
    generator = torch.Generator().manual_seed(config.seed)
    for name, parameter in model.named_parameters():
        if "embed" in name:
            parameter.normal_(0, EMBEDDING_STD if config.copying else 0.1, generator=generator)
        elif parameter.dim() == 2:
            branch = "o_proj" in name or "down_proj" in name
            parameter.normal_(0, (0.2 if branch else 1.0) / math.sqrt(parameter.shape[1]), generator=generator)
    if config.copying:
        model.model.norm.weight.fill_(FINAL_NORM)
        install_copying(model, places, seed=config.seed, keys=keys)
