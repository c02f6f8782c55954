"""Export: a whole model folder or none, and nothing written over."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from mem1.config import Config
from mem1.errors import CheckpointError, ModelError, StorageError
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.storage.run_dir import RunDir
from mem1.train.config import LoraConfig
from mem1.train.policy.adapters import add_adapter
from mem1.train.saving.checkpoint import Checkpoints, Trained, get_rng
from mem1.train.saving.export import export
from tests.unit.train.saving.test_checkpoint import progress, trained


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir.create(tmp_path, "run", Config())
    tokenizer = load_tokenizer("builtin:tiny")
    Checkpoints(run.checkpoints, keep=1, extra_files=tokenizer.save).save(trained(), progress(3), get_rng())
    return run


def test_the_model_comes_out_with_its_tokenizer(run: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "model"
    assert export(run, folder, dtype="float32") == 3
    expected = trained().model.state_dict()
    found = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(found[name].equal(value) for name, value in expected.items())
    assert load_tokenizer(str(folder)).vocabulary_size == load_tokenizer("builtin:tiny").vocabulary_size
    assert "Writing" not in capfd.readouterr().err, "no progress bar of transformers"
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1, "a server of another user reads all or none"


def test_nothing_is_written_over(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("thesis")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(StorageError):
            export(run, taken, dtype="float32")
    assert (tmp_path / "file").read_text() == "thesis"


def test_a_full_disk_leaves_no_half_of_a_model(run: RunDir, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot export the model"):
            export(run, tmp_path / "model", dtype="float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_without_a_checkpoint_has_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        export(RunDir.create(tmp_path, "run", Config()), tmp_path / "model", dtype="float32")


@pytest.fixture
def adapter_run(tmp_path: Path) -> RunDir:
    """A run that trained an adapter on the shipped model: its last checkpoint."""
    model = load_model("builtin:tiny", device="cpu")
    add_adapter(model, LoraConfig(r=2, alpha=4), base="builtin:tiny", seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.fill_(0.05)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    saved = Trained(model, {}, torch.optim.AdamW(parameters))
    run = RunDir.create(tmp_path, "adapted", Config())
    extra_files = load_tokenizer("builtin:tiny").save
    Checkpoints(run.checkpoints, keep=1, extra_files=extra_files).save(saved, progress(5), get_rng())
    return run


def test_an_adapter_is_merged(adapter_run: RunDir, tmp_path: Path) -> None:
    """With A and B all 0.05 and rank 2, alpha / r * B A adds 2 * 2 * 0.05 * 0.05 = 0.01 to every adapted weight."""
    assert export(adapter_run, tmp_path / "model", dtype="float32") == 5
    found = AutoModelForCausalLM.from_pretrained(tmp_path / "model").state_dict()
    before = load_model("builtin:tiny", device="cpu").state_dict()
    assert set(found) == set(before)
    raised = {name for name in before if not found[name].equal(before[name])}
    for name in raised:
        assert (found[name] - before[name] - 0.01).abs().max().item() < 1e-6
    assert {name.split(".")[-2] for name in raised} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    assert load_tokenizer(str(tmp_path / "model")).vocabulary_size == load_tokenizer("builtin:tiny").vocabulary_size


def test_an_adapter_comes_out_alone_where_that_is_asked_for(adapter_run: RunDir, tmp_path: Path) -> None:
    export(adapter_run, tmp_path / "alone", dtype="float32", adapter=True)
    assert not (tmp_path / "alone" / "config.json").exists()
    export(adapter_run, tmp_path / "merged", dtype="float32")
    alone, merged = (load_model(str(tmp_path / name), device="cpu").state_dict() for name in ("alone", "merged"))
    assert all(alone[name].equal(value) for name, value in merged.items())


def test_a_whole_model_has_no_adapter_to_take_out(run: RunDir, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no adapter"):
        export(run, tmp_path / "alone", dtype="float32", adapter=True)
    assert not (tmp_path / "alone").exists()


def moved(run: RunDir, folder: Path, by: float) -> Path:
    """The exported model with ``by`` added to every weight."""
    export(run, folder, dtype="float32")
    weights = load_file(folder / "model.safetensors")
    save_file({name: value + by for name, value in weights.items()}, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_weights_are_averaged_with_those_of_other_models(run: RunDir, tmp_path: Path) -> None:
    """The mean of w, w + 1 and w + 5 is w + 2."""
    others = [str(moved(run, tmp_path / str(by), by)) for by in (1.0, 5.0)]
    export(run, tmp_path / "mean", dtype="float32", average=others)
    own = trained().model.state_dict()
    found = load_model(str(tmp_path / "mean"), device="cpu").state_dict()
    for name, value in own.items():
        torch.testing.assert_close(found[name], value + 2.0)


def test_other_kinds_of_models_are_not_averaged(run: RunDir, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="its tokens are other ones") as caught:
        export(run, tmp_path / "mean", dtype="float32", average=["builtin:tiny-parallel"])
    assert caught.value.where == "--average builtin:tiny-parallel"
    smaller = load_model("builtin:tiny", device="cpu")
    config = type(smaller.config).from_dict({**smaller.config.to_dict(), "num_hidden_layers": 1})
    type(smaller)(config).save_pretrained(tmp_path / "smaller")
    load_tokenizer("builtin:tiny").save(tmp_path / "smaller")
    with pytest.raises(ModelError, match="other names or shapes"):
        export(run, tmp_path / "mean", dtype="float32", average=[str(tmp_path / "smaller")])
    assert not (tmp_path / "mean").exists()


def test_a_run_in_place_of_a_model_is_told_to_be_exported_first(run: RunDir, tmp_path: Path) -> None:
    """Its config.json is its recipe: it is not taken for a model that lacks a tokenizer."""
    for load in (load_model, load_tokenizer):
        with pytest.raises(ModelError, match="a run's directory is no model") as caught:
            load(str(run.path))
        assert caught.value.hint == f"export its model first, and give that: mem1 export {run.path} OUT"
    with pytest.raises(ModelError, match="a run's directory is no model"):
        export(run, tmp_path / "mean", dtype="float32", average=[str(run.path)])
    assert not (tmp_path / "mean").exists()


def test_a_checkpoint_in_place_of_its_model_is_told_where_that_lies(run: RunDir, adapter_run: RunDir) -> None:
    for one, step in ((run, 3), (adapter_run, 5)):
        checkpoint = one.checkpoints / f"step-{step:06d}"
        with pytest.raises(ModelError, match=r"no config\.json in the folder") as caught:
            load_model(str(checkpoint))
        assert caught.value.hint == f"give the checkpoint's own: {checkpoint / 'model'}"
