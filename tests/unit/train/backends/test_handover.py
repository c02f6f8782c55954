"""Weights on their way to an engine in another process; here that engine is transformers, reading the same files."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import PreTrainedModel

from mem1.errors import InexactError, StorageError
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.weights import FileWeights
from mem1.train.backends.handover import WeightFiles, check_handed_over, logprobs_of, untie
from mem1.train.config import LoraConfig
from mem1.train.policy.adapters import add_adapter


class Following(TransformersEngine):
    """The transformers engine, asked as one in another process is."""

    handover_gap = 1e-4

    async def confirm(self) -> None:
        pass

    async def sleep(self) -> None:
        pass


def tiny() -> PreTrainedModel:
    return load_model("builtin:tiny", device="cpu")


def nothing(folder: Path) -> None:
    pass


def move(model: PreTrainedModel, by: float = 0.02) -> None:
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.add_(by * torch.randn_like(weight))


def following() -> Following:
    return Following(tiny(), load_tokenizer("builtin:tiny"), slots=4, max_context=256)


def test_the_engine_is_seen_to_write_with_what_it_was_given(tmp_path: Path) -> None:
    model, engine = tiny(), following()
    files = WeightFiles(model, tmp_path, untied=False, extra_files=nothing)
    for version in range(1, 4):
        move(model)
        asyncio.run(engine.update_weights(version, files.write(version)))
        assert asyncio.run(check_handed_over(engine, model, version)) < 1e-4


def test_stale_weights_are_noticed_and_so_is_another_version(tmp_path: Path) -> None:
    model, engine = tiny(), following()
    move(model)
    with pytest.raises(InexactError, match=r"after the hand-over of step 0.*does not write with the weights it was"):
        asyncio.run(check_handed_over(engine, model, 0))
    with pytest.raises(InexactError, match="writes with the weights of step 0, not 1"):
        asyncio.run(check_handed_over(engine, tiny(), 1))


def test_an_output_layer_that_was_left_behind_is_noticed() -> None:
    """What vLLM on a CPU does with one that is tied: all weights are new but for the head."""
    model, engine = tiny(), following()
    move(model)
    state = {name: value for name, value in model.state_dict().items() if "embed" not in name and "lm_head" not in name}
    with torch.no_grad():
        for name, value in engine._model.named_parameters():
            if name in state:
                value.copy_(state[name])
    with pytest.raises(InexactError, match="tied to the embeddings"):
        asyncio.run(check_handed_over(engine, model, 0))


def test_numbers_that_are_none_are_noticed() -> None:
    engine, model = following(), tiny()
    with torch.no_grad():
        next(iter(model.parameters())).fill_(float("nan"))
    with pytest.raises(InexactError):
        asyncio.run(check_handed_over(engine, model, 0))


def test_the_newest_folder_alone_is_kept_and_all_go_with_their_maker(tmp_path: Path) -> None:
    made: list[Path] = []
    files: WeightFiles | None = WeightFiles(tiny(), tmp_path / "new", untied=False, extra_files=made.append)
    assert files is not None
    start, first = files.whole(), files.write(1)
    second = files.write(2)
    assert made == [start, first.path, second.path]
    assert [one.name for one in files.folder.iterdir()] == ["step-000002"]
    folder = files.folder
    del files
    gc.collect()
    assert not folder.exists()


def test_an_untied_model_writes_the_same_as_before(tmp_path: Path) -> None:
    model = tiny()
    files = WeightFiles(model, tmp_path, untied=True, extra_files=nothing)
    folder = files.whole()
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is False
    again = load_model(str(folder), device="cpu")
    prompt, written = tuple(range(5, 25)), tuple(range(30, 40))
    assert torch.equal(logprobs_of(again, prompt, written), logprobs_of(model, prompt, written))
    assert again.lm_head.weight is not again.model.embed_tokens.weight


def test_a_model_that_is_untied_already_is_left_as_it_is(tmp_path: Path) -> None:
    folder = WeightFiles(tiny(), tmp_path, untied=True, extra_files=nothing)
    saved = folder.whole()
    before = {name: value.clone() for name, value in load_file(saved / "model.safetensors").items()}
    untie(saved)
    after = load_file(saved / "model.safetensors")
    assert before.keys() == after.keys()


def test_an_adapter_is_handed_over_alone(tmp_path: Path) -> None:
    model = tiny()
    add_adapter(model, LoraConfig(r=2), base="builtin:tiny", seed=0)
    files = WeightFiles(model, tmp_path, untied=True, extra_files=nothing)
    given = files.write(1)
    assert isinstance(given, FileWeights)
    assert (given.path / "adapter_config.json").is_file()
    assert not (given.path / "model.safetensors").exists()


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = WeightFiles(tiny(), tmp_path, untied=False, extra_files=nothing)

    def full(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("mem1.train.backends.handover.save_model", full)
    with pytest.raises(StorageError, match=r"(?s)cannot write the weights.*no space left.*engine\.weights_dir"):
        files.write(1)
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        WeightFiles(tiny(), tmp_path / "file" / "below", untied=False, extra_files=nothing)
