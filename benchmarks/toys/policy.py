"""The policy of the toy worlds: one layer, random weights."""

from __future__ import annotations

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from mem1.config import Config
from mem1.train.policy.policy import Policy


class Nothing(Config):
    """Stands in for the recipe of a toy run."""


def small_policy(vocabulary: int, seed: int, *, hidden: int = 32, heads: int = 2, kv_heads: int = 2) -> Policy:
    """A Qwen2 of one layer."""
    torch.manual_seed(seed)
    shape = Qwen2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=1,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=64,
        tie_word_embeddings=True,
    )
    return Policy(Qwen2ForCausalLM(shape).train(False))


@torch.no_grad()
def draw(policy: Policy, contexts: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """One token behind each of ``contexts`` (int64 [n, length]) and its log p: int64 and float32 [n, 1]."""
    scores = policy.model(input_ids=contexts).logits[:, -1].float().log_softmax(-1)
    written = torch.multinomial(scores.exp(), 1, generator=generator)
    return written, scores.gather(1, written)
