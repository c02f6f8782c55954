"""States that do not know how many processes wrote them: whole tensors by name, as safetensors.

verl's own checkpoints are cut by the number of processes and cannot be read by another (``model_world_size_2_rank_0``).
Tensors are gathered on the first process, in main memory: weights and two moments of AdamW, 12 bytes a parameter.
All processes must see the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from transformers import AutoModelForCausalLM

from mem1.train.saving.provenance import MODEL

OPTIMIZER = "optimizer.safetensors"
CRITIC = "critic.safetensors"
CRITIC_OPTIMIZER = "critic-optimizer.safetensors"
_GATHERED = StateDictOptions(full_state_dict=True, cpu_offload=True)
_SPREAD = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)


def write_policy(engine: Any, folder: Path) -> None:
    """The weights as a plain Hugging Face folder, the optimizer beside it."""
    weights: dict[str, Any] = dict(get_model_state_dict(engine.module, options=_GATHERED))
    if _first():
        engine.module.save_pretrained(folder / MODEL, state_dict=weights)
    _write_optimizer(engine, folder / OPTIMIZER)


def read_policy(engine: Any, folder: Path) -> None:
    """What ``write_policy`` wrote, or a run in one process."""
    weights: dict[str, Any] = {}
    if _first():
        model = AutoModelForCausalLM.from_pretrained(folder / MODEL, dtype=torch.float32, local_files_only=True)
        weights = model.state_dict()
    set_model_state_dict(engine.module, weights, options=_SPREAD)
    _read_optimizer(engine, folder / OPTIMIZER)


def write_critic(engine: Any, folder: Path) -> None:
    """All weights of the critic, and its optimizer."""
    weights: dict[str, Any] = dict(get_model_state_dict(engine.module, options=_GATHERED))
    if _first():
        save_file({name: value.contiguous().clone() for name, value in weights.items()}, folder / CRITIC)
    _write_optimizer(engine, folder / CRITIC_OPTIMIZER)


def read_critic(engine: Any, folder: Path) -> None:
    """What ``write_critic`` wrote."""
    weights: dict[str, Any] = dict(load_file(folder / CRITIC)) if _first() else {}
    set_model_state_dict(engine.module, weights, options=_SPREAD)
    _read_optimizer(engine, folder / CRITIC_OPTIMIZER)


def _write_optimizer(engine: Any, file: Path) -> None:
    """Moments and counts by ``parameter/name``; none before the first step. Rates are the configuration's."""
    state: Any = {}
    if engine.optimizer.state:  # torch would take a step to have something to gather, and count it
        # What is gathered is given to the first process; the others get nothing.
        state = get_optimizer_state_dict(engine.module, engine.optimizer, options=_GATHERED).get("state", {})
    if _first():
        named = {
            f"{parameter}/{name}": torch.as_tensor(value).contiguous().clone()
            for parameter, values in state.items()
            for name, value in values.items()
        }
        save_file(named, file)
    dist.barrier()


def _read_optimizer(engine: Any, file: Path) -> None:
    with safe_open(file, framework="pt") as opened:
        if not opened.keys():
            return
    whole = get_optimizer_state_dict(engine.module, engine.optimizer, options=_GATHERED)
    state: dict[str, dict[str, Tensor]] = {}
    if _first():
        for key, value in load_file(file).items():
            parameter, _, name = key.rpartition("/")
            state.setdefault(parameter, {})[name] = value
    given: Any = {"state": state, "param_groups": whole["param_groups"]} if _first() else {}
    set_optimizer_state_dict(engine.module, engine.optimizer, given, options=_SPREAD)
    dist.barrier()


def _first() -> bool:
    return dist.get_rank() == 0
