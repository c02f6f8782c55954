"""A ``tokenizer.json`` as a ``Tokenizer``: nothing added, nothing skipped, nothing tidied. No torch here."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem1.errors import ModelError, boundary
from mem1.inference.chat import ChatTemplate, read_settings
from mem1.inference.tokenizers.detokenize import BYTES, spell
from mem1.reading.objects import read_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend


_LINE = re.compile(
    r"\(\d+\)"
)  # a number that a vocabulary holds whole, as "(12)": it counts lines and controls nothing


class FastTokenizer:
    """Wraps ``backend``, of the library ``tokenizers``.

    Args:
        backend: Encodes and decodes.
        eos: The text of the token that ends a completion, if there is one.
        chat: How the model wants a prompt wrapped; ``None`` for as it is.
        ends: Further ids that end a completion (see ``end_ids``).

    Whatever the file says about truncation and padding is switched off, in ``backend`` too: it would cut prompts
    and lengthen them without a word.
    """

    def __init__(
        self, backend: Backend, eos: str | None, chat: ChatTemplate | None = None, *, ends: Iterable[int] = ()
    ) -> None:
        backend.no_truncation()
        backend.no_padding()
        self._backend = backend
        self._eos_id: int | None = backend.token_to_id(eos) if eos else None
        added = backend.get_added_tokens_decoder()
        contents = (added[number] for number in sorted(added))
        self._special = tuple(one.content for one in contents if one.special or not _LINE.fullmatch(one.content))
        self._chat = chat
        own = () if self._eos_id is None else (self._eos_id,)
        self._eos_ids = frozenset((*own, *(number for number in ends if number in added)))

    @property
    def eos_id(self) -> int | None:
        """The id that ends a completion, if there is one."""
        return self._eos_id

    @property
    def eos_ids(self) -> frozenset[int]:
        """All ids that end a completion: the tokenizer's own and those of the model's generation settings."""
        return self._eos_ids

    @property
    def special_strings(self) -> tuple[str, ...]:
        """Every added token's text, in the order of ids; not that of numbers such as "(12)", which control nothing."""
        return self._special

    @cached_property
    def verbatim(self) -> bool:
        """Whether every text is kept as it is: bytes, no normaliser, and no token that swallows blanks around it."""
        parts = json.loads(self._backend.to_str())
        splits = parts["pre_tokenizer"] or {}
        steps = splits["pretokenizers"] if splits.get("type") == "Sequence" else [splits]
        plain = parts["normalizer"] is None and all(_keeps(step) for step in steps)
        swallows = any(token["lstrip"] or token["rstrip"] for token in parts["added_tokens"])
        letters = self._backend.get_vocab(with_added_tokens=False).keys()
        return plain and steps[-1].get("type") == "ByteLevel" and not swallows and letters >= BYTES.keys()

    @property
    def vocabulary_size(self) -> int:
        """Number of ids, added tokens included."""
        size: int = self._backend.get_vocab_size(with_added_tokens=True)
        return size

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

    def pieces(self) -> list[bytes]:
        """The bytes that each id adds to a text, by id."""
        return spell(self._backend)

    def wrap_prompt(self, prompt: str) -> str:
        """The task prompt as the model wants it, see ``chat.ChatTemplate``; as it is where there is no template."""
        return prompt if self._chat is None else self._chat.wrap(prompt, self._special)


def _keeps(step: dict[str, Any]) -> bool:
    """Whether a step of a pre-tokenizer only cuts."""
    kind = step.get("type")
    return (
        (kind == "ByteLevel" and not step.get("add_prefix_space", False))
        or (kind in ("Split", "Punctuation") and step.get("behavior") != "Removed")
        or kind == "Digits"
    )


def read_tokenizer(folder: Path, *, chat: bool = False) -> FastTokenizer:
    """The tokenizer saved in ``folder``, without transformers.

    Raises ``ModelError`` if there is none, it cannot be read, or with ``chat`` there is no template.
    """
    from tokenizers import Tokenizer as Backend

    file = folder / "tokenizer.json"
    if not file.is_file():
        raise ModelError(
            "no tokenizer.json in the folder", where=str(folder), hint="save the tokenizer into the same folder"
        )
    with boundary("cannot read the tokenizer", ModelError, where=str(file), hint="fetch the file again"):
        backend = Backend.from_file(str(file))
    settings = read_settings(folder)
    template = ChatTemplate.read(folder) if chat else None
    return FastTokenizer(backend, settings.text("eos_token"), template, ends=end_ids(folder))


def end_ids(folder: Path) -> frozenset[int]:
    """The ids at which the model in ``folder`` ends: ``eos_token_id`` of its generation settings, one or a list.

    Instruct models often end their turn with another token than the tokenizer's end of text (``<end_of_turn>``,
    ``<|end|>``), and name it there. Where there is no such file, ``config.json`` is asked. Of the ids only those of
    added tokens count: small models often carry their architecture's default, which is a letter of theirs.

    Raises ``ModelError`` for a file that cannot be read, or ids that are none.
    """
    for name in ("generation_config.json", "config.json"):
        file = folder / name
        if not file.is_file():
            continue
        found = read_object(file, ModelError, hint="fetch the file again").get("eos_token_id")
        ids = found if isinstance(found, list) else [] if found is None else [found]
        if not all(isinstance(number, int) and not isinstance(number, bool) for number in ids):
            raise ModelError(
                f"eos_token_id is {found!r}, which is neither an id nor a list of them",
                where=str(file),
                hint="write the ids of the tokens that end a text",
            )
        if ids:
            return frozenset(ids)
    return frozenset()
