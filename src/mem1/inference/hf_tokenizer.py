"""Any fast Hugging Face tokenizer as a ``Tokenizer``: nothing added, nothing skipped, nothing tidied."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from mem1.errors import ModelError

_BYTE = re.compile("<0x([0-9A-F]{2})>")  # how tokenizers with byte fallback name a byte


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

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``; added tokens in it become their single ids."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ``token_ids``, special tokens written out."""
        text: str = self._backend.decode(list(token_ids), skip_special_tokens=False)
        return text

    def pieces(self) -> list[bytes]:
        """The bytes that each id adds to a text, by id (see ``storage/vocabulary.py``)."""
        names = [self._backend.id_to_token(i) or "" for i in range(self.vocabulary_size)]
        if '"ByteLevel"' in json.dumps(json.loads(self._backend.to_str())["decoder"]):
            return [_bytes_of(name) for name in names]
        # Some decoders treat the first token of a text otherwise: what a token adds is seen behind another one.
        anchor = self.encode("a")
        length = len(self.decode(anchor))
        return [
            bytes.fromhex(found[1]) if (found := _BYTE.fullmatch(name)) else self.decode([*anchor, i])[length:].encode()
            for i, name in enumerate(names)
        ]

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files into ``folder``, where ``load_tokenizer`` finds them."""
        self._whole.save_pretrained(folder)


def _bytes_of(name: str) -> bytes:
    """A byte-level token's name as bytes; names that are no such thing (added tokens) stand for themselves."""
    try:
        return bytes(_BYTES[character] for character in name)
    except KeyError:
        return name.encode()


def _byte_names() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary (Radford et al. 2019, GPT-2)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + k): byte for k, byte in enumerate(hidden)}


_BYTES = _byte_names()
