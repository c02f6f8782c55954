"""verl's training workers in the test's own process: a world of one over gloo, without Ray."""

from __future__ import annotations

import os
import shutil
import socket
from functools import cache
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from transformers import Qwen2Config, Qwen2ForCausalLM

from mem1.inference.folders import find_folder
from mem1.integrations.verl.inside.backend import VerlBackend
from mem1.integrations.verl.settings import settings
from mem1.recipe import Recipe
from mem1.train.config import TrainConfig


def make_model(folder: Path, seed: int = 0) -> Path:
    """A random Qwen2 of 230 k parameters with the tokenizer of the shipped policy."""
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=2048,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=False,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(find_folder("builtin:tiny") / name, folder / name)
    return folder


def recipe(model: Path | str, train: TrainConfig, **keys: Any) -> Recipe:
    """A recipe that verl trains on a CPU."""
    base: dict[str, Any] = {
        "model": str(model),
        "engine": {"max_context": 512, "slots": 8},
        "backend": {"type": "verl", "device": "cpu"},
        "watch_tasks": 0,
        "train": train,
    }
    return Recipe.model_validate(base | keys)


def free_port() -> int:
    """One that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def world(rank: int, size: int, port: int) -> None:
    """What Ray tells a worker. The process group is made by the platform, once in a process."""
    os.environ.update(
        WORLD_SIZE=str(size),
        RANK=str(rank),
        LOCAL_RANK="0",
        LOCAL_WORLD_SIZE="1",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )


@cache
def world_of_one() -> None:
    """This process alone."""
    if "WORLD_SIZE" not in os.environ:
        world(0, 1, free_port())


class _Later:
    """What a call without waiting returns."""

    def __init__(self, found: Any) -> None:
        self._found = found

    def get(self) -> Any:
        return self._found


class Alone:
    """A group of one worker, as ``VerlBackend`` asks it. ``ranks``: how many it passes for, so that rows are padded."""

    def __init__(self, worker: Any, mesh: str, ranks: int = 1) -> None:
        self.worker = worker
        self._dispatch_info = {mesh: list(range(ranks))}
        self.steps = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.worker, name)

    def infer_batch(self, data: Any) -> _Later:
        return _Later(self.worker.infer_batch(data))

    def mem1_step(self, data: Any) -> Any:
        self.steps += 1
        return self.worker.mem1_step(data)


def policy_of(config: DictConfig, ranks: int = 1) -> Alone:
    """The actor that a configuration describes."""
    from mem1.integrations.verl.inside.worker import PolicyWorker

    world_of_one()
    worker = PolicyWorker(config=config.actor_rollout_ref, role="actor")
    worker.init_model()
    return Alone(worker, "actor", ranks)


def critic_of(config: DictConfig, ranks: int = 1) -> Alone:
    """The critic that a configuration describes, built as verl's trainer builds it."""
    from verl.utils.config import omega_conf_to_dataclass
    from verl.workers.engine_workers import TrainingWorkerConfig

    from mem1.integrations.verl.inside.worker import CriticWorker

    world_of_one()
    critic = omega_conf_to_dataclass(config.critic)
    worker = CriticWorker(
        config=TrainingWorkerConfig(
            model_type="value_model",
            model_config=critic.model,
            engine_config=critic.engine,
            optimizer_config=critic.optim,
            checkpoint_config=critic.checkpoint,
        )
    )
    worker.reset()
    return Alone(worker, "train", ranks)


def backend(model: Path, train: TrainConfig, *, critic: bool = False, ranks: int = 1) -> VerlBackend:
    """A back end over such workers."""
    told = recipe(model, train)
    config = settings(told, told.backend, run=None, allow_imports=False)  # type: ignore[arg-type]
    return VerlBackend(
        policy_of(config, ranks),
        critic_of(config, ranks) if critic else None,
        None,
        train,
        filler=0,
    )
