"""The text of every token id of a run, so that stored ids can be read without the model or its tokenizer."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from mem1.errors import StorageError
from mem1.storage.atomic import read_document, write_atomic
from mem1.storage.guards.limits import VOCABULARY
from mem1.storage.json_lines import inflate
from mem1.types import Turn

_MOST = 16  # vocabularies of one run
_UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()


@runtime_checkable
class Detokenizer(Protocol):
    """A tokenizer that can spell its tokens."""

    def pieces(self) -> Sequence[bytes]:
        """The UTF-8 bytes that each id adds to a text, by id; joined and decoded they are that text."""


class Vocabulary:
    """Bytes by token id."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = tuple(pieces)

    def text(self, token_ids: Iterable[int]) -> str:
        """The text of ``token_ids``; an id without a piece, and bytes that are no UTF-8, become U+FFFD."""
        return b"".join(self.piece(one) for one in token_ids).decode(errors="replace")

    def piece(self, token_id: int) -> bytes:
        """The bytes of one token, which may be a part of a character."""
        return self._pieces[token_id] if 0 <= token_id < len(self._pieces) else _UNKNOWN

    def spells(self, turn: Turn) -> bool:
        """Whether ``turn`` was written with this vocabulary: its ids give exactly the text that was recorded."""
        return self.text(turn.completion_token_ids) == turn.state + turn.action_text


def keep_vocabulary(folder: Path, tokenizer: object) -> Path | None:
    """Write the vocabulary of ``tokenizer`` into ``folder``, once for each content.

    Returns its file, or ``None`` for a tokenizer that cannot spell its tokens: a reader then does with the texts that
    episodes hold anyway. Raises ``StorageError``.
    """
    if not isinstance(tokenizer, Detokenizer):
        return None
    # Latin-1 stands for bytes one to one: a token may be a part of a character, which no JSON text can hold.
    text = json.dumps([piece.decode("latin-1") for piece in tokenizer.pieces()], ensure_ascii=False).encode()
    path = folder / f"{hashlib.sha256(text).hexdigest()[:12]}.json.gz"
    if not path.exists():
        write_atomic(path, gzip.compress(text, 6, mtime=0))
    return path


def read_vocabularies(folder: Path) -> tuple[Vocabulary, ...]:
    """All vocabularies kept in ``folder``; none where there is no such folder.

    Raises ``StorageError`` for what is no vocabulary, inflates to more than 64 MiB, or is one of more than 16.
    """
    paths = sorted(folder.glob("*.json.gz"))
    if len(paths) > _MOST:
        raise StorageError(
            f"there are {len(paths)} vocabularies in one run",
            where=str(folder),
            hint=f"a run has one for each tokenizer, {_MOST} at most: delete those that it does not need",
        )
    return tuple(_read(path) for path in paths)


def _read(path: Path) -> Vocabulary:
    data = read_document(path, VOCABULARY)
    try:
        pieces = json.loads(inflate(data, VOCABULARY, where=path))
        if not isinstance(pieces, list):
            raise TypeError(f"a list is expected, not {type(pieces).__name__}")
        return Vocabulary([piece.encode("latin-1") for piece in pieces])
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise StorageError(
            f"{path.name} holds no vocabulary: {error}",
            where=str(path),
            hint="delete it: texts are then shown as far as episodes hold them",
        ) from error
