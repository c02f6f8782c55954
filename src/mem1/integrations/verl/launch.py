"""``mem1 train`` by verl: the configuration is written, Ray is started or joined, and the trainer ``mem1`` runs here.

The process of the command drives: it holds the run directory, plays no episodes and computes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ray
from omegaconf import DictConfig, OmegaConf

from mem1.errors import BackendError, boundary
from mem1.imports import door
from mem1.inference.folders import local_tokenizer
from mem1.integrations.verl.config import VerlConfig
from mem1.integrations.verl.nodes import check_nodes
from mem1.integrations.verl.settings import environment, settings
from mem1.recipe import Recipe
from mem1.runtime.build import build_world
from mem1.runtime.start import Start
from mem1.runtime.tasks import admitted, train_tasks, watched_tasks
from mem1.storage.atomic import write_atomic
from mem1.storage.run_dir import RunDir
from mem1.types import Task

if TYPE_CHECKING:
    from mem1.train.loop import TrainResult

Tasks = tuple[list[Task], list[Task]]  # trained on, watched


def launch(start: Start, resume: bool) -> tuple[RunDir, TrainResult]:
    """Train as the recipe says. Raises ``Mem1Error``."""
    recipe = start.recipe
    verl = recipe.backend
    assert isinstance(verl, VerlConfig)
    os.environ.update(environment(verl))  # before verl is imported, which asks at once which platform there is
    allowed = door() == "open"
    tasks = _tasks(recipe)
    config = settings(recipe, verl, run=None, allow_imports=allowed)
    with cluster(verl, config):
        check_nodes()
        directory = start.begin(local_tokenizer(recipe.model))
        config.mem1.run = str(directory.path.resolve())
        write_atomic(directory.verl, OmegaConf.to_yaml(config).encode())
        return directory, _train(config, start, resume, tasks)


def _tasks(recipe: Recipe) -> Tasks:
    """What is trained on and what is watched, once the environment has seen that it takes them.

    The environments are made here for that alone, and let go before Ray starts: those that play make their own.
    """
    world = build_world(recipe)
    tasks = train_tasks(recipe, world.sources), watched_tasks(recipe, world.sources)
    admitted(world.make_env, tasks)
    return tasks


@contextmanager
def cluster(verl: VerlConfig, config: DictConfig) -> Iterator[None]:
    """Ray, started on this machine or joined. Raises ``BackendError``."""
    init: dict[str, Any] = dict(OmegaConf.to_container(config.ray_kwargs.ray_init) or {})
    init["runtime_env"] = {"env_vars": environment(verl)}
    if verl.cluster != "local":
        init = {"address": verl.cluster, "runtime_env": init["runtime_env"]}
    elif verl.object_store_mb is not None:
        init["object_store_memory"] = verl.object_store_mb << 20
    with boundary(
        "cannot start Ray" if verl.cluster == "local" else f"cannot join the Ray cluster {verl.cluster}",
        BackendError,
        hint="`ray status` tells about a cluster; on a busy machine set RAY_raylet_start_wait_time_s=300",
    ):
        ray.init(log_to_driver=True, **init)
    try:
        yield
    finally:
        ray.shutdown()


def _train(config: DictConfig, start: Start, resume: bool, tasks: Tasks) -> TrainResult:
    import transfer_queue as tq
    from verl.trainer.ppo.v1 import AgentLoopManagerTQ

    from mem1.integrations.verl.inside.trainer import Mem1Trainer

    config.transfer_queue.enable = True
    OmegaConf.resolve(config)
    os.environ["TRANSFER_QUEUE_ENABLE"] = "1"
    tq.init(config.transfer_queue)
    try:
        trainer = Mem1Trainer(config=config)
        trainer.resume, trainer.console, trainer.tasks = resume, start.console, tasks
        trainer.init()
        manager = AgentLoopManagerTQ.create(
            config=config,
            llm_client=trainer.get_llm_client(),
            teacher_client=None,
            reward_loop_worker_handles=trainer.get_reward_handles(),
        )
        trainer.fit(manager)
        assert trainer.result is not None
        return trainer.result
    finally:
        tq.close()
