"""Episodes that a policy wrote, for measuring how near its sampler and its trainer are."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

from mem1.event_loop import run_here
from mem1.inference.folders import find_folder
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.recipe import Recipe
from mem1.runtime.build import Runtime, build_world
from mem1.runtime.play import played
from mem1.runtime.tasks import train_tasks
from mem1.train.rows.row import make_rows, trained_values
from mem1.types import Episode

SHIPPED = "builtin:tiny"
CONTEXT = 1024
TASK = {
    "tasks": {"composition": "sequential", "objectives": 2, "count": 8},
    "env": {"prompt": "brief", "top_k": 3, "turns_per_objective": 4},
    "engine": {"max_context": CONTEXT, "slots": 32},
    "memory": {"type": "state", "budgets": {"state": 40, "action": 28, "observation": 128}},
}


def untrained(folder: Path) -> str:
    """A policy of the shipped one's shape with weights as they are drawn."""
    torch.manual_seed(0)
    shape = AutoConfig.from_pretrained(find_folder(SHIPPED))
    drawn = AutoModelForCausalLM.from_config(shape, dtype=torch.float32)  # type: ignore[no-untyped-call]
    drawn.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(find_folder(SHIPPED) / name, folder / name)
    return str(folder)


def model_of(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """The same weights, computed with in ``dtype``."""
    model = load_model(name, dtype="float32", device="cpu")
    torch.nn.Module.to(model, dtype)
    return model


def episodes_of(name: str, dtype: torch.dtype = torch.float32) -> list[Episode]:
    """Four episodes of each of four tasks, those left out that failed."""
    told = Recipe.model_validate(TASK | {"model": name, "watch_tasks": 0})
    world = build_world(told)
    engine = TransformersEngine(model_of(name, dtype), load_tokenizer(name), slots=32, max_context=CONTEXT)
    tasks = train_tasks(told, world.sources)[:4]
    made = run_here(played(Runtime(told, world, engine, None, None), tasks, "train/0", size=4))
    return [episode for episode in made if not episode.failed]


def reported(episodes: list[Episode]) -> Tensor:
    """float64 [N]: what the sampler said of the tokens it drew, in time order, in nats."""
    rows = make_rows(episodes, {episode.id: 0.0 for episode in episodes}, normalisation="episode")
    return torch.tensor(trained_values(rows, [row.rollout_logprobs for row in rows]), dtype=torch.float64)
