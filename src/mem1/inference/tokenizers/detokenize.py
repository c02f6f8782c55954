"""The bytes that each token of a fast tokenizer adds to a text."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

_BYTE = re.compile("<0x([0-9A-F]{2})>")  # how tokenizers with byte fallback name a byte


def spell(backend: Backend) -> list[bytes]:
    """UTF-8 bytes by token id; those of a text's ids, joined and decoded, are the text."""
    names = [backend.id_to_token(i) or "" for i in range(backend.get_vocab_size(with_added_tokens=True))]
    if '"ByteLevel"' in json.dumps(json.loads(backend.to_str())["decoder"]):
        return [_bytes_of(name) for name in names]
    # Some decoders treat the first token of a text otherwise: what a token adds is seen behind another one.
    anchor: list[int] = backend.encode("a", add_special_tokens=False).ids
    length = len(_decoded(backend, anchor))
    return [
        bytes.fromhex(found[1])
        if (found := _BYTE.fullmatch(name))
        else _decoded(backend, [*anchor, i])[length:].encode()
        for i, name in enumerate(names)
    ]


def _decoded(backend: Backend, token_ids: list[int]) -> str:
    text: str = backend.decode(token_ids, skip_special_tokens=False)
    return text


def _bytes_of(name: str) -> bytes:
    """A byte-level token's name as bytes; names that are no such thing (added tokens) stand for themselves."""
    try:
        return bytes(BYTES[character] for character in name)
    except KeyError:
        return name.encode()


def _byte_names() -> dict[str, int]:
    """The printable character that stands for each byte in a byte-level vocabulary (Radford et al. 2019, GPT-2)."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + k): byte for k, byte in enumerate(hidden)}


BYTES = _byte_names()
"""The byte that each of a byte-level vocabulary's characters stands for."""
