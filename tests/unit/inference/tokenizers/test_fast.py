"""A tokenizer.json as it is meant: nothing cut, nothing filled up, and every token that ends a text ends one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import ModelError
from mem1.inference.base import Section, eos_ids
from mem1.inference.folders import find_folder, local_tokenizer
from mem1.inference.hf.loading import load_tokenizer
from mem1.inference.sections import SectionTracker
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.types import FinishReason

TEXT = "Answer all.\n" + "".join(f"- What is the capital of country number {i}?\n" for i in range(8))
CUTS: dict[str, dict[str, Any]] = {
    "truncation": {"truncation": {"direction": "Right", "max_length": 48, "strategy": "LongestFirst", "stride": 0}},
    "truncation from the left": {
        "truncation": {"direction": "Left", "max_length": 8, "strategy": "OnlyFirst", "stride": 2}
    },
    "padding": {
        "padding": {
            "strategy": {"Fixed": 256},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "<|endoftext|>",
        }
    },
    "padding to a multiple": {
        "padding": {
            "strategy": "BatchLongest",
            "direction": "Left",
            "pad_to_multiple_of": 64,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "<|endoftext|>",
        }
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "model"
    shutil.copytree(find_folder("builtin:tiny"), target)
    for file in target.rglob("*"):
        file.chmod(0o644)
    return target


def change(file: Path, values: dict[str, Any]) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("name", sorted(CUTS))
def test_stored_truncation_and_padding_are_never_applied(folder: Path, name: str) -> None:
    expected = load_tokenizer("builtin:tiny")
    change(folder / "tokenizer.json", CUTS[name])
    for tokenizer in (load_tokenizer(str(folder)), local_tokenizer(str(folder))):
        assert tokenizer.encode(TEXT) == expected.encode(TEXT)
        assert tokenizer.encode("a") == expected.encode("a")


def test_a_saved_tokenizer_does_not_cut_either(folder: Path, tmp_path: Path) -> None:
    change(folder / "tokenizer.json", CUTS["truncation"])
    saved = tmp_path / "saved"
    load_tokenizer(str(folder)).save(saved)
    stored = json.loads((saved / "tokenizer.json").read_text())
    assert (stored["truncation"], stored["padding"]) == (None, None)


def finish(tokenizer: Any, token: int) -> FinishReason | None:
    tracker = SectionTracker(tokenizer, (Section("state", ("</think>",), (), 20),))
    return tracker.feed(token).finish


def test_every_token_that_the_generation_settings_name_ends_a_completion(folder: Path) -> None:
    plain = load_tokenizer(str(folder))
    added = [plain.encode(text)[0] for text in plain.special_strings]
    assert len(added) > 2
    change(folder / "generation_config.json", {"eos_token_id": [added[2], added[0]]})
    for tokenizer in (load_tokenizer(str(folder)), local_tokenizer(str(folder))):
        assert eos_ids(tokenizer) == {added[0], added[2]}
        assert finish(tokenizer, added[0]) is finish(tokenizer, added[2]) is FinishReason.EOS
        assert finish(tokenizer, added[1]) is None


@pytest.mark.parametrize("found", [7, [7], [0, 7]])
def test_a_letter_that_a_default_names_ends_nothing(folder: Path, found: object) -> None:
    letter = load_tokenizer("builtin:tiny").encode("e")[0]
    wanted = json.loads(json.dumps(found).replace("7", str(letter)))
    change(folder / "generation_config.json", {"eos_token_id": wanted})
    tokenizer = load_tokenizer(str(folder))
    assert eos_ids(tokenizer) == {tokenizer.eos_id}


def test_without_generation_settings_the_configuration_is_asked(folder: Path) -> None:
    second = load_tokenizer("builtin:tiny").encode(load_tokenizer("builtin:tiny").special_strings[1])[0]
    (folder / "generation_config.json").unlink()
    change(folder / "config.json", {"eos_token_id": [0, second]})
    assert eos_ids(load_tokenizer(str(folder))) == {0, second}


@pytest.mark.parametrize("found", ['{"eos_token_id": "x"}', '{"eos_token_id": [true]}', "{"])
def test_generation_settings_that_say_nothing_readable_are_refused(folder: Path, found: str) -> None:
    (folder / "generation_config.json").write_text(found)
    with pytest.raises(ModelError, match=r"generation_config|neither an id"):
        load_tokenizer(str(folder))


def test_a_tokenizer_with_one_end_is_as_before() -> None:
    assert eos_ids(ByteTokenizer()) == {ByteTokenizer().eos_id}
