"""Two FSDP2 processes over gloo do what one does, and what they saved is read by one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mem1.inference.hf.loading import load_model
from tests.ending import started
from tests.unit.integrations.verl.alone import backend, free_port, make_model
from tests.unit.integrations.verl.table import config, prepared

STEPS = 3


def test_a_checkpoint_of_two_processes_is_read_by_one_and_goes_on(tmp_path: Path) -> None:
    model, folder = make_model(tmp_path / "model"), tmp_path / "state"
    folder.mkdir()
    port, ranks = str(free_port()), []
    for rank in (0, 1):
        command = [sys.executable, "-m", "tests.unit.integrations.verl.half", str(rank), port]
        command += [str(model), str(folder), str(STEPS)]
        environment = os.environ | {"VERL_PLATFORM": "cpu", "OMP_NUM_THREADS": "1"}
        for key in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
            environment.pop(key, None)
        ranks.append(started(command, env=environment, stdout=subprocess.PIPE, text=True))
    said = [process.stdout.read() for process in ranks if process.stdout is not None]
    assert [process.wait(60) for process in ranks] == [0, 0]
    theirs = json.loads(said[0].splitlines()[-1])

    train = config()
    alone = backend(model, train)
    (minibatch,) = prepared(alone, train)
    mine = [alone.update(minibatch) for _ in range(STEPS)]
    assert [stats.loss for stats in mine] == pytest.approx([loss for loss, _ in theirs], abs=1e-5)
    assert [stats.grad_norm for stats in mine] == pytest.approx([norm for _, norm in theirs], rel=1e-4)

    weights = dict(load_model(str(folder / "model"), device="cpu").named_parameters())
    own = dict(alone._policy.workers.actor.engine.module.named_parameters())
    for name, value in own.items():
        torch.testing.assert_close(weights[name], value.full_tensor(), rtol=0, atol=2e-5)

    other = backend(model, train)
    other.load(folder)
    after, undisturbed = other.update(minibatch), alone.update(minibatch)
    assert after.loss == pytest.approx(undisturbed.loss, abs=1e-5)
    assert after.grad_norm == pytest.approx(undisturbed.grad_norm, rel=1e-3)
    for name, value in other._policy.workers.actor.engine.module.named_parameters():
        torch.testing.assert_close(value.full_tensor(), own[name].full_tensor(), rtol=0, atol=2e-5)
