"""A checkpoint is whole or refused; a full disk or a crash leaves the former one."""

from __future__ import annotations

import random
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mem1.errors import CheckpointError, Mem1Error
from mem1.train.advantages.grpo import Grpo
from mem1.train.config import OptimizerConfig, TrainConfig, WarmstartConfig
from mem1.train.policy.critic import ValueHead
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.saving.checkpoint import Checkpoints, Progress, Trained, get_rng, set_rng
from tests.e2e.toy import tiny_policy

CONFIG = TrainConfig()


def trained(seed: int = 0) -> Trained:
    """A model and a head after one optimizer step, so that the optimizer has a state."""
    model = tiny_policy(seed).model
    head: nn.Module = ValueHead(16)
    optimizer = make_optimizer(list(model.parameters()), list(head.parameters()), OptimizerConfig(), critic_lr=0.1)
    for parameter in [*model.parameters(), *head.parameters()]:
        parameter.grad = torch.randn_like(parameter)
    optimizer.step()
    return Trained(model, {"value_head": head}, optimizer)


def progress(step: int) -> Progress:
    return Progress(step=step, config=CONFIG.model_dump(mode="json"), marks={"metrics.jsonl": 3}, without_signal=2)


def tensors(of: Trained) -> list[torch.Tensor]:
    moments = [value for state in of.optimizer.state.values() for value in state.values()]
    return [*of.model.state_dict().values(), *of.modules["value_head"].state_dict().values(), *moments]


@contextmanager
def disk_of(limit: int) -> Iterator[None]:
    """No file may grow beyond ``limit`` bytes: writing fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_everything_comes_back_bit_for_bit(tmp_path: Path) -> None:
    saved, other = trained(0), trained(1)
    checkpoints = Checkpoints(tmp_path, keep=2)
    path = checkpoints.save(saved, progress(7), get_rng())
    assert (path.name, checkpoints.latest()) == ("step-000007", path)
    assert not all(torch.equal(a, b) for a, b in zip(tensors(saved), tensors(other), strict=True))
    assert checkpoints.load(path, other, CONFIG) == progress(7)
    assert all(torch.equal(a, b) for a, b in zip(tensors(saved), tensors(other), strict=True))


def test_random_generators_come_back() -> None:
    state = get_rng()
    drawn = (random.random(), np.random.rand(), torch.rand(1).item())
    set_rng(state)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == drawn


def test_only_the_newest_are_kept_and_leftovers_are_swept(tmp_path: Path) -> None:
    def tokenizer(folder: Path) -> None:
        (folder / "words.txt").write_text("a")

    checkpoints = Checkpoints(tmp_path, keep=2, extra_files=tokenizer)
    (tmp_path / ".step-000001.dead.tmp").mkdir()
    state = trained()
    for step in (1, 2, 3):
        checkpoints.save(state, progress(step), get_rng())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-000002", "step-000003"]
    assert (tmp_path / "step-000003" / "model" / "words.txt").read_text() == "a"


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "nowhere", keep=1).latest() is None


def test_a_crash_before_the_marker_leaves_the_former_checkpoint(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    state = trained()
    first = checkpoints.save(state, progress(1), get_rng())
    shutil.copytree(first, tmp_path / "step-000002")  # renamed into place, marker not yet written
    assert checkpoints.latest() == first
    assert checkpoints.save(state, progress(2), get_rng()) == checkpoints.latest()


@pytest.mark.parametrize("file", ["model/model.safetensors", "value_head.safetensors", "state.pt", "checkpoint.json"])
@pytest.mark.parametrize("harm", ["cut", "flip", "remove"])
def test_damage_is_found_and_named(tmp_path: Path, file: str, harm: str) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    path = checkpoints.save(trained(), progress(1), get_rng())
    damaged = path / file
    content = bytearray(damaged.read_bytes())
    if harm == "cut":
        damaged.write_bytes(content[:-5])
    elif harm == "remove":
        damaged.unlink()
    else:
        content[len(content) // 2] ^= 255
        damaged.write_bytes(content)
    with pytest.raises(CheckpointError, match="step-000001") as caught:
        checkpoints.load(path, trained(), CONFIG)
    assert caught.value.hint


def test_a_missing_latest_is_not_replaced_by_another(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in (1, 2):
        checkpoints.save(trained(), progress(step), get_rng())
    shutil.rmtree(tmp_path / "step-000002")
    with pytest.raises(CheckpointError, match="'step-000002', is missing"):
        checkpoints.latest()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"..", b"step-000009"])
def test_a_broken_marker_is_named(tmp_path: Path, content: bytes) -> None:
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=2)
    checkpoints.save(trained(), progress(1), get_rng())
    (tmp_path / "checkpoints" / "latest").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"the last checkpoint, .* is missing") as caught:
        checkpoints.latest()
    assert caught.value.where == str(tmp_path / "checkpoints" / "latest")


def test_a_checkpoint_of_another_command_is_refused(tmp_path: Path) -> None:
    path = Checkpoints(tmp_path, keep=2).save(trained(), progress(1), get_rng())
    with pytest.raises(CheckpointError, match=r"^step-000001 was made by another command .*: .*no such key"):
        Checkpoints(tmp_path, keep=2).load(path, trained(), WarmstartConfig())


def test_another_configuration_is_refused_by_field(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    path = checkpoints.save(trained(), progress(1), get_rng())
    changed = TrainConfig(algorithm=Grpo(scale_by_std=False), optimizer=OptimizerConfig(lr=0.5))
    with pytest.raises(CheckpointError, match=r"different: algorithm\.scale_by_std, optimizer\.lr\n"):
        checkpoints.load(path, trained(), changed)


@pytest.mark.parametrize("limit", [0, 100, 5_000, 20_000])
def test_a_full_disk_leaves_the_former_checkpoint_valid(tmp_path: Path, limit: int) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    state = trained()
    first = checkpoints.save(state, progress(1), get_rng())
    with disk_of(limit), pytest.raises(Mem1Error) as caught:
        checkpoints.save(state, progress(2), get_rng())
    assert caught.value.hint
    assert checkpoints.latest() == first
    assert checkpoints.load(first, trained(1), CONFIG).step == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest", "step-000001"]
    assert checkpoints.save(state, progress(2), get_rng()) == checkpoints.latest()
