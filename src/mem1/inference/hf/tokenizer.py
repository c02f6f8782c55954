"""Any fast Hugging Face tokenizer as a ``Tokenizer``, to be saved beside a model that was trained with it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from mem1.errors import ModelError
from mem1.inference.chat import ChatTemplate
from mem1.inference.tokenizers.fast import FastTokenizer


class HfTokenizer(FastTokenizer):
    """Wraps ``tokenizer``, which must be a fast one. Raises ``ModelError`` if it is not."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, chat: ChatTemplate | None = None, *, ends: Iterable[int] = ()
    ) -> None:
        if not getattr(tokenizer, "is_fast", False):
            raise ModelError(
                f"{type(tokenizer).__name__} is not a fast tokenizer",
                hint="save the model with a tokenizer.json beside it",
            )
        super().__init__(tokenizer.backend_tokenizer, tokenizer.eos_token, chat, ends=ends)
        self._whole = tokenizer

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files into ``folder``, where ``load_tokenizer`` finds them."""
        self._whole.save_pretrained(folder)
