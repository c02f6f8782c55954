"""Any fast Hugging Face tokenizer as a ``Tokenizer``: nothing added, nothing skipped, nothing tidied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from mem1.errors import ModelError


class HfTokenizer:
    """Wraps ``tokenizer``, which must be a fast one. Raises ``ModelError`` if it is not."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{type(tokenizer).__name__} is not a fast tokenizer",
                mend="save the model with a tokenizer.json beside it",
            )
        self._whole = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._special = tuple(sorted(tokenizer.get_added_vocab(), key=tokenizer.get_added_vocab().__getitem__))

    @property
    def eos_id(self) -> int | None:
        """The id that ends a completion, if there is one."""
        found: int | None = self._whole.eos_token_id
        return found

    @property
    def special_strings(self) -> tuple[str, ...]:
        """Every added token's text, in the order of ids."""
        return self._special

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, added tokens included."""
        return len(self._whole)

    @cached_property
    def fingerprint(self) -> str:
        """The same for tokenizers that give the same text the same ids; how they pad, cut or frame does not count."""
        whole = json.loads(self._backend.to_str())
        parts = {name: whole.get(name) for name in ("model", "added_tokens", "normalizer", "pre_tokenizer", "decoder")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``; added tokens in it become their single ids."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``, special tokens written out."""
        text: str = self._backend.decode(list(token_ids), skip_special_tokens=False)
        return text

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files into ``folder``, where ``load_tokenizer`` finds them."""
        self._whole.save_pretrained(folder)
