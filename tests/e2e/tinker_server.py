"""SkyRL's Tinker server on a CPU, for tests, over a random Qwen3 of 0.3 million weights.

The server reads its parent's command line and wants to have been started by ``uv run``; a script of that name which
drops its own words stands in front of the search path.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load
from torch import Tensor
from transformers import Qwen3Config, Qwen3ForCausalLM

from mem1.inference.folders import find_folder
from mem1.integrations.tinker.adapter import Adapter
from mem1.train.config import LoraConfig
from mem1.train.policy.adapters import add_adapter
from tests.ending import started

_STARTS = 300  # seconds, on a busy machine


def make_model(folder: Path) -> Path:
    """The model, with the tokenizer of the shipped small policy."""
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=2048,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        max_position_embeddings=4096,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
    )
    model: Any = Qwen3ForCausalLM(config)
    # As it is drawn all tokens are about equally likely whatever comes in, and an adapter below could change nothing.
    model.lm_head.weight.data *= 10
    model.float().save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(find_folder("builtin:tiny") / name, folder / name)
    return folder


def weights_of(adapter: Adapter, folder: Path) -> dict[str, Tensor]:
    """An adapter's weights as the server, whose ``folder`` this is, keeps them: by peft's names."""
    _, sampler = adapter.save()
    name = sampler.rpartition("/")[2]
    (kept,) = (folder / "kept").glob(f"*/sampler_weights/{name}.tar.gz")
    with tarfile.open(kept) as files:
        found = files.extractfile(next(one for one in files.getmembers() if one.name.endswith(".safetensors")))
        assert found is not None
        return load(found.read())


def add_alike(model: Any, weights: Mapping[str, Tensor], *, rank: int) -> None:
    """Add an adapter to ``model`` that is the server's.

    Its random half A is drawn wider than peft draws it, and is one matrix for all projections of the same input (query,
    key and value; gate and up): one parameter here too, which gets the sum of their gradients.
    """
    add_adapter(model, LoraConfig(r=rank, alpha=32), base="random", seed=0)
    shared: list[torch.nn.Parameter] = []
    for name, value in weights.items():
        owner = model.get_submodule(name.removeprefix("base_model.model.").removesuffix(".weight"))["default"]
        same = [one for one in shared if torch.equal(one.detach(), value)]
        if "lora_A" in name and same:
            owner.weight = same[0]
        else:
            owner.weight.data.copy_(value)
            shared += [owner.weight] if "lora_A" in name else []


@contextmanager
def tinker_server(model: Path, folder: Path) -> Iterator[str]:
    """Its address, once it answers; what it keeps lies in ``folder``."""
    (folder / "bin").mkdir(parents=True)
    script = folder / "bin" / "uv"
    script.write_text(f'#!/bin/sh\nwhile [ "$1" != "-m" ]; do shift; done\n"{sys.executable}" "$@"\n')
    script.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    settings = ["--host", "127.0.0.1", "--port", str(port), "--base-model", str(model), "--backend", "jax"]
    # It compiles for each number of sequences that happen to wait together: batches are filled up to one number.
    settings += ["--backend-config", '{"max_lora_adapters":16,"max_lora_rank":8,"sample_max_num_sequences":32}']
    settings += ["--database-url", f"sqlite:///{folder / 'tinker.db'}", "--checkpoints-base", str(folder / "kept")]
    here = {
        "PATH": f"{script.parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "HF_HUB_OFFLINE": "1",
        "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    }
    with (folder / "server.log").open("w") as log:
        server = started(
            [str(script), "run", "-m", "skyrl.tinker.api", *settings],
            env={**os.environ, **here},
            stdout=log,
            stderr=log,
        )
        try:
            _wait(address, server, folder / "server.log")
            yield address
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _wait(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _STARTS
    while time.monotonic() < ends and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/v1/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"the server does not answer:\n{log.read_text()[-3000:]}")
