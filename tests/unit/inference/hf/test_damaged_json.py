"""Every JSON file of a model's or an adapter's folder may hold anything: no reader meets it with a bare exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.errors import CheckpointError, Mem1Error, ModelError, StorageError
from mem1.inference.chat import ChatTemplate
from mem1.inference.folders import local_tokenizer
from mem1.inference.hf.adapter import base_note, base_of, check_base
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.retrieval.bm25.files import read_info
from mem1.retrieval.store.store import CorpusStore
from mem1.train.saving.provenance import MODEL, model_of, steps_of
from mem1.train.sizing import model_shape
from tests.unit.inference.hf.test_loading import byte_tokenizer
from tests.unit.inference.hf_models import EXACT, build

NO_OBJECTS = ["[1]", "null", '"x"', "7"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    build(EXACT["llama"]).save_pretrained(folder)
    byte_tokenizer().save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model's folder in which files can be replaced."""
    made = tmp_path / "checkpoints" / MODEL
    made.mkdir(parents=True)
    for file in saved.iterdir():
        (made / file.name).hardlink_to(file)
    return made


def put(path: Path, text: str) -> Path:
    path.unlink(missing_ok=True)  # another name of the same file keeps what it holds
    path.write_text(text)
    return path


def tell(error: Mem1Error, path: Path) -> None:
    assert path.name in error.what or str(path) == error.where
    assert error.where == str(path)
    assert error.hint


def fast(folder: Path) -> object:
    return local_tokenizer(str(folder))


def chat(folder: Path) -> object:
    return ChatTemplate.read(folder)


def weights(folder: Path) -> object:
    return load_model(str(folder))


def tokenizer(folder: Path) -> object:
    return load_tokenizer(str(folder))


@pytest.mark.parametrize("text", NO_OBJECTS)
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (fast, "tokenizer.json"),
        (fast, "tokenizer_config.json"),
        (fast, "special_tokens_map.json"),
        (fast, "generation_config.json"),
        (chat, "tokenizer_config.json"),
        (tokenizer, "tokenizer.json"),
        (tokenizer, "tokenizer_config.json"),
        (tokenizer, "generation_config.json"),
        (weights, "config.json"),
        (weights, "generation_config.json"),
        (weights, "model.safetensors.index.json"),
        (model_shape, "config.json"),
        (base_of, "adapter_config.json"),
        (base_note, "base.json"),
    ],
)
def test_a_file_of_a_model_that_holds_no_object_is_told_with_its_place(
    folder: Path, read: Callable[[Path], object], name: str, text: str
) -> None:
    put(folder / name, text)
    with pytest.raises(ModelError) as raised:
        read(folder)
    tell(raised.value, folder / name)


@pytest.mark.parametrize(
    ("read", "name", "error"),
    [
        (fast, "tokenizer.json", ModelError),
        (tokenizer, "tokenizer.json", ModelError),
        (weights, "config.json", ModelError),
        (model_shape, "config.json", ModelError),
        (base_of, "adapter_config.json", ModelError),
        (base_note, "base.json", ModelError),
        (lambda folder: steps_of(str(folder)), "mem1.json", CheckpointError),
    ],
)
def test_an_object_without_what_belongs_in_it_is_told_too(
    folder: Path, read: Callable[[Path], object], name: str, error: type[Mem1Error]
) -> None:
    put(folder / name, "{}")
    with pytest.raises(error) as raised:
        read(folder)
    assert raised.value.hint


def test_empty_settings_are_none(folder: Path) -> None:
    for name in ("tokenizer_config.json", "special_tokens_map.json", "generation_config.json"):
        put(folder / name, "{}")
    assert fast(folder) is not None
    assert weights(folder) is not None


@pytest.mark.parametrize("template", [[1], 7, {"a": 1}, [{"name": "default", "template": 3}]])
def test_a_chat_template_that_is_no_text_is_told(folder: Path, template: object) -> None:
    put(folder / "tokenizer_config.json", json.dumps({"chat_template": template}))
    with pytest.raises(ModelError, match="chat template") as raised:
        chat(folder)
    assert raised.value.where
    assert raised.value.hint


@pytest.mark.parametrize("text", [*NO_OBJECTS, "{}", '{"step": "7"}', '{"step": true}', '{"progress": [7]}'])
def test_notes_of_a_checkpoint_that_do_not_say_what_they_should_are_told(folder: Path, text: str) -> None:
    for path in (folder / "mem1.json", folder.parent / "checkpoint.json"):
        put(path, text)
        with pytest.raises(CheckpointError) as raised:
            steps_of(str(folder))
        tell(raised.value, path)
        path.unlink()
    service = put(folder.parent / "service.json", text)
    with pytest.raises(CheckpointError) as raised:
        model_of(folder.parent)
    tell(raised.value, service)


@pytest.mark.parametrize("text", [*NO_OBJECTS, "{}"])
def test_an_index_whose_description_is_damaged_is_told(tmp_path: Path, text: str) -> None:
    for name, read in (("bm25.json", read_info), ("store.json", CorpusStore.open)):
        path = put(tmp_path / name, text)
        with pytest.raises(StorageError) as raised:
            read(tmp_path)
        tell(raised.value, path)


def test_a_base_that_cannot_be_compared_is_not_taken_for_the_same(folder: Path) -> None:
    put(folder / "base.json", "[1]")
    with pytest.raises(ModelError, match="holds a list and no object"):
        check_base(build(EXACT["llama"]), folder)
