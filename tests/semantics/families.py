"""Tiny random models of the families that people train, made from transformers' own configurations.

Each entry: the model type, and what is set beside ``SMALL`` (``None`` takes a key of it away). The features that have
to do with length (windows, chunks, boundaries of rotary scaling) are small enough for contexts of a few hundred tokens
to reach them.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from tests.unit.inference.hf_models import TOKENIZER

SMALL: dict[str, Any] = {
    "vocab_size": TOKENIZER.vocabulary_size,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.3,  # far from uniform, so that a wrong mask or position shows
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": TOKENIZER.eos_id,
}
_OLD: dict[str, Any] = {"num_key_value_heads": None}
_GPT: dict[str, Any] = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}
_MOE: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_FULL: dict[str, Any] = {"layer_types": ["full_attention"] * 2}
_MIXED: dict[str, Any] = {"layer_types": ["sliding_attention", "full_attention"], "sliding_window": 16}
_MLA: dict[str, Any] = {
    "q_lora_rank": 16,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "num_key_value_heads": 4,
}
_LINEAR: dict[str, Any] = {
    "head_dim": 8,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
    "linear_conv_kernel_dim": 4,
    "layer_types": ["linear_attention", "full_attention"],
}
_MAMBA2: dict[str, Any] = {
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_d_state": 8,
    "mamba_n_groups": 1,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_chunk_size": 16,
}


def _rope(kind: str, **more: Any) -> dict[str, Any]:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10_000.0, **more}}


_LONG: dict[str, Any] = {
    "original_max_position_embeddings": 64,
    **_rope("longrope", short_factor=[1.0] * 4, long_factor=[4.0] * 4, original_max_position_embeddings=64),
}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "apertus": ("apertus", {"head_dim": 8}),
    "arcee": ("arcee", {}),
    "bamba": ("bamba", {**_MAMBA2, "attn_layer_indices": [1]}),
    "bert decoder": ("bert", {**_OLD, "is_decoder": True}),
    "biogpt": ("biogpt", _OLD),
    "bloom": ("bloom", {"n_layer": 2, "n_head": 4}),
    "codegen": ("codegen", {**_GPT, "n_ctx": 512, "rotary_dim": 4}),
    "cohere": ("cohere", {}),
    "cohere2": ("cohere2", {**_MIXED, "head_dim": 8}),
    "deepseek v2": ("deepseek_v2", {**_MLA, "first_k_dense_replace": 2, "n_routed_experts": 4, "topk_group": 1}),
    "deepseek v3": ("deepseek_v3", {**_MLA, "first_k_dense_replace": 2, "n_routed_experts": 4, "n_group": 1}),
    "diffllama": ("diffllama", {"head_dim": 8}),
    "doge": ("doge", {"keep_window_size": 64}),
    "ernie 4.5": ("ernie4_5", {"head_dim": 8}),
    "exaone 4": ("exaone4", {**_FULL, "sliding_window": None}),
    "falcon alibi": ("falcon", {**_OLD, "alibi": True, "new_decoder_architecture": False}),
    "falcon rotary": ("falcon", {**_OLD, "alibi": False}),
    "falcon h1": ("falcon_h1", {**_MAMBA2, "mamba_d_ssm": 64, "head_dim": 8}),
    "falcon mamba": ("falcon_mamba", {"state_size": 8}),
    "gemma": ("gemma", {"head_dim": 8}),
    "gemma2": ("gemma2", {**_FULL, "head_dim": 8, "attn_logit_softcapping": 5.0, "query_pre_attn_scalar": 8}),
    "gemma2 window": ("gemma2", {**_MIXED, "head_dim": 8}),
    "gemma3": ("gemma3_text", {**_FULL, "head_dim": 8}),
    "gemma3 window": ("gemma3_text", {**_MIXED, "head_dim": 8}),
    "glm": ("glm", {"head_dim": 8}),
    "glm4": ("glm4", {"head_dim": 8}),
    "glm4 moe": (
        "glm4_moe",
        {"head_dim": 8, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "n_group": 1},
    ),
    "gpt bigcode": ("gpt_bigcode", _GPT),
    "gpt neo": (
        "gpt_neo",
        {"num_layers": 2, "num_heads": 4, "window_size": 16, "attention_types": [[["global", "local"], 1]]},
    ),
    "gpt neox": ("gpt_neox", _OLD),
    "gpt oss": ("gpt_oss", {**_MIXED, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "gpt oss full": ("gpt_oss", {**_FULL, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "gpt-j": ("gptj", {**_GPT, "rotary_dim": 4}),
    "gpt2": ("gpt2", _GPT),
    "gpt2 scaled by layer": ("gpt2", {**_GPT, "scale_attn_by_inverse_layer_idx": True}),
    "granite": ("granite", {"attention_multiplier": 0.3, "logits_scaling": 2.0}),
    "granite moe": ("granitemoe", {"num_local_experts": 4}),
    "granite hybrid": (
        "granitemoehybrid",
        {**_MAMBA2, "layer_types": ["mamba", "attention"], "num_local_experts": 0, "shared_intermediate_size": 48},
    ),
    "helium": ("helium", {"head_dim": 8}),
    "hunyuan": ("hunyuan_v1_dense", {"head_dim": 8}),
    "jamba": (
        "jamba",
        {"attn_layer_period": 2, "attn_layer_offset": 1, "mamba_d_state": 8, "mamba_dt_rank": 4, "num_experts": 2},
    ),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"], "block_ff_dim": 48}),
    "llama": ("llama", {}),
    "llama attention dropout": ("llama", {"attention_dropout": 0.1}),
    "llama dynamic": ("llama", {**_rope("dynamic", factor=4.0), "max_position_embeddings": 64}),
    "llama linear": ("llama", _rope("linear", factor=2.0)),
    "llama scaled": (
        "llama",
        _rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
    ),
    "llama tied": ("llama", {"tie_word_embeddings": True}),
    "llama yarn": ("llama", _rope("yarn", factor=4.0, original_max_position_embeddings=64)),
    "llama4 chunked": (
        "llama4_text",
        {
            "head_dim": 8,
            "intermediate_size_mlp": 48,
            "num_local_experts": 2,
            "attention_chunk_size": 16,
            "layer_types": ["chunked_attention", "full_attention"],
        },
    ),
    "llama4 scaled": (
        "llama4_text",
        {
            "head_dim": 8,
            "intermediate_size_mlp": 48,
            "num_local_experts": 2,
            "floor_scale": 32,
            "no_rope_layers": [1, 0],
            **_FULL,
        },
    ),
    "mamba": ("mamba", {"state_size": 8}),
    "mamba2": ("mamba2", {"state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 1, "chunk_size": 16}),
    "minimax": ("minimax", {"head_dim": 8, "num_local_experts": 2, "block_size": 16}),
    "ministral 3": ("ministral3", {"head_dim": 8}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral window": ("mistral", {"sliding_window": 16}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "mixtral window": ("mixtral", {"num_local_experts": 4, "sliding_window": 16}),
    "modernbert decoder": ("modernbert-decoder", {**_OLD, "local_attention": 16, "layer_types": _MIXED["layer_types"]}),
    "mpt": ("mpt", {"d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
    "nanochat": ("nanochat", {}),
    "nemotron": ("nemotron", {"head_dim": 8}),
    "nemotron h": (
        "nemotron_h",
        {
            "hybrid_override_pattern": "M*",
            "ssm_state_size": 8,
            "mamba_num_heads": 8,
            "mamba_head_dim": 8,
            "n_groups": 1,
        },
    ),
    "olmo": ("olmo", {}),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", _MIXED),
    "olmoe": ("olmoe", {"num_experts": 4, "num_experts_per_tok": 2}),
    "opt": ("opt", {**_OLD, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "persimmon": ("persimmon", _OLD),
    "phi": ("phi", {"partial_rotary_factor": 0.5}),
    "phi3": ("phi3", {"sliding_window": None}),
    "phi3 longrope": ("phi3", {"sliding_window": None, **_LONG}),
    "phi3 window": ("phi3", {"sliding_window": 20}),
    "qwen2": ("qwen2", {}),
    "qwen2 moe": ("qwen2_moe", {**_MOE, "shared_expert_intermediate_size": 16}),
    "qwen2 window": ("qwen2", {"use_sliding_window": True, "sliding_window": 16, "max_window_layers": 0}),
    "qwen3": ("qwen3", {"head_dim": 8}),
    "qwen3 moe": ("qwen3_moe", {**_MOE, "head_dim": 8}),
    "qwen3 next": ("qwen3_next", {**_LINEAR, **_MOE, "shared_expert_intermediate_size": 16}),
    "recurrent gemma": (
        "recurrent_gemma",
        {"lru_width": 32, "attention_window_size": 16, "block_types": ["recurrent", "attention"], "head_dim": 8},
    ),
    "rwkv": ("rwkv", {"attention_hidden_size": 32, "context_length": 512}),
    "seed oss": ("seed_oss", {"head_dim": 8}),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0], **_FULL}),
    "stablelm": ("stablelm", {"partial_rotary_factor": 0.5}),
    "starcoder2": ("starcoder2", {"sliding_window": None}),
    "vaultgemma": ("vaultgemma", {**_MIXED, "head_dim": 8}),
    "xglm": ("xglm", {"d_model": 32, "ffn_dim": 48, "num_layers": 2, "attention_heads": 4}),
    "xlstm": ("xlstm", {"num_heads": 4, "embedding_dim": 32, "num_blocks": 2, "chunk_size": 16, "qk_dim_factor": 0.5}),
    "zamba2": (
        "zamba2",
        {
            "mamba_d_state": 8,
            "mamba_ngroups": 1,
            "n_mamba_heads": 8,
            "mamba_headdim": 8,
            "chunk_size": 16,
            "layers_block_type": ["mamba", "hybrid"],
            "num_mem_blocks": 1,
            "use_shared_attention_adapter": False,
            "attention_head_dim": 16,
        },
    ),
}


def family(name: str) -> PreTrainedModel:
    """The model of ``FAMILIES`` under ``name``, float32, in evaluation mode, with the same weights each time."""
    kind, changes = FAMILIES[name]
    settings = {key: value for key, value in (SMALL | changes).items() if value is not None or key in changes}
    for key, value in changes.items():
        if value is None and key in _OLD:
            del settings[key]
    config = AutoConfig.for_model(kind, **settings)
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    model.train(False)
    return model
