"""A byte-level BPE tokenizer whose tokens ignore word borders, so that tags are cut in awkward places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

_TEXT = [
    "</think><search>what</search></think><search>",
    "<think>a</think><answer>b</answer></think><answer>",
    "<information>c</information></search>\n</answer>\n",
    "é日本語 日本",
]


class Bpe:
    """Byte-level BPE with merges such as ``><`` and ``k></``; no string is special but the end of text."""

    def __init__(self) -> None:
        self._backend = Tokenizer(models.BPE())
        self._backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        self._backend.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<|end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        self._backend.train_from_iterator(_TEXT * 3, trainer)

    @property
    def eos_id(self) -> int:
        return 0

    @property
    def special_strings(self) -> tuple[str, ...]:
        return ("<|end|>",)

    @property
    def vocabulary_size(self) -> int:
        return int(self._backend.get_vocab_size())

    def encode(self, text: str) -> list[int]:
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        return str(self._backend.decode(list(token_ids), skip_special_tokens=False))


@cache
def bpe() -> Bpe:
    """The one instance: training it takes a moment."""
    return Bpe()
