"""Stored ids can be spelled without a tokenizer, and a wrong vocabulary is noticed."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest

from mem1.errors import StorageError
from mem1.storage.vocabulary import Vocabulary, keep_vocabulary, read_vocabularies
from tests.unit.storage.examples import turn

# "é" is C3 A9 in UTF-8: two tokens make one character.
PIECES = [b"Li", b"ma", b"\xc3", b"\xa9", b"</think>"]


class Tokenizer:
    """Spells its tokens."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def pieces(self) -> Sequence[bytes]:
        return self._pieces


def test_characters_are_joined_from_the_bytes_of_several_tokens() -> None:
    vocabulary = Vocabulary(PIECES)
    assert vocabulary.text([0, 1, 2, 3, 4]) == "Limaé</think>"
    assert vocabulary.text([0, 2]) == "Li\ufffd"  # half a character
    assert vocabulary.text([1, 99, -1]) == "ma\ufffd\ufffd"  # ids that it does not have


def test_a_vocabulary_comes_back_as_it_was_and_is_written_once(tmp_path: Path) -> None:
    first = keep_vocabulary(tmp_path / "vocabulary", Tokenizer(PIECES))
    assert first is not None
    written = first.stat().st_mtime_ns
    assert keep_vocabulary(tmp_path / "vocabulary", Tokenizer(PIECES)) == first
    assert first.stat().st_mtime_ns == written
    keep_vocabulary(tmp_path / "vocabulary", Tokenizer([b"other"]))
    found = read_vocabularies(tmp_path / "vocabulary")
    assert sorted(one.text([0]) for one in found) == ["Li", "other"]
    assert [one.text([2, 3]) for one in found if one.text([0]) == "Li"] == ["é"]


def test_a_tokenizer_that_cannot_spell_leaves_nothing(tmp_path: Path) -> None:
    assert keep_vocabulary(tmp_path / "vocabulary", object()) is None
    assert read_vocabularies(tmp_path / "vocabulary") == ()


def test_only_the_vocabulary_that_a_turn_was_written_with_spells_it() -> None:
    written = turn().model_copy(
        update={"completion_token_ids": (0, 1, 2, 3), "state": "Lima", "action_text": "é", "state_length": 2}
    )
    assert Vocabulary(PIECES).spells(written)
    assert not Vocabulary([*reversed(PIECES)]).spells(written)


@pytest.mark.parametrize(
    "content",
    [b"", b"junk", gzip.compress(b"{", mtime=0), gzip.compress(b"[1]", mtime=0), gzip.compress(b"3", mtime=0)],
)
def test_a_damaged_vocabulary_is_an_error_with_a_hint(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json.gz").write_bytes(content)
    with pytest.raises(StorageError, match="holds no vocabulary") as caught:
        read_vocabularies(tmp_path)
    assert "delete it" in (caught.value.hint or "")
