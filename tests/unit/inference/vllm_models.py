"""A small random model with the byte tokenizer beside it, as vLLM wants to find them; and one vLLM for many tests."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import torch
from tokenizers import AddedToken, decoders, models, pre_tokenizers
from tokenizers import Tokenizer as RawTokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mem1.inference.tokenizers.toy import END_OF_TEXT, ByteTokenizer
from mem1.inference.vllm.backend import VllmBackend
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.vllm.engine import VllmEngine
from mem1.inference.writing import Ask, Piece


def save_random(folder: Path) -> None:
    """A Llama of random weights over the ids of ``ByteTokenizer``, and that tokenizer as a ``tokenizer.json``."""
    ours = ByteTokenizer()
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=ours.vocabulary_size,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=ours.eos_id,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    letters = _letters()
    vocabulary = {text: number for number, text in enumerate(ours.special_strings)}
    vocabulary |= {letters[byte]: len(ours.special_strings) + byte for byte in range(256)}
    raw = RawTokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(text, normalized=False) for text in ours.special_strings])
    PreTrainedTokenizerFast(tokenizer_object=raw, eos_token=END_OF_TEXT).save_pretrained(folder)  # type: ignore[no-untyped-call]


def _letters() -> dict[int, str]:
    """The sign that byte-level tokenizers write for each byte (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + index) for index, byte in enumerate(rest)}


class _Shared:
    """A backend that lives on when an engine is closed."""

    def __init__(self, backend: VllmBackend) -> None:
        self._backend = backend
        self.max_context = backend.max_context
        self.float32 = backend.float32

    async def call(self, ask: Ask) -> Piece:
        return await self._backend.call(ask)

    def stop(self) -> None:
        pass


@cache
def _backend(max_context: int) -> VllmBackend:
    folder = Path(tempfile.mkdtemp(prefix="mem1-vllm-"))
    save_random(folder)
    return VllmBackend(VllmConfig(slots=16, max_context=max_context, dtype="float32", extra={"seed": 0}), folder)


def shared_engine(max_context: int, tokenizer: ByteTokenizer) -> VllmEngine:
    """An engine over the random model; all of them share one vLLM, which takes half a minute to start."""
    return VllmEngine(_Shared(_backend(max_context)), tokenizer)  # type: ignore[arg-type]
