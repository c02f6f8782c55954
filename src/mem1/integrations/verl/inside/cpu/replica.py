"""A rollout of verl by mem1's transformers engine, in a Ray actor: the name ``mem1``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import ray
import torch
from verl.workers.rollout import base
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutReplica, RolloutReplicaRegistry

from mem1.integrations.verl.config import SERVER
from mem1.integrations.verl.inside.cpu.server import Server


def _server_name(replica_rank: int) -> str:
    return f"mem1_server_{replica_rank}"


class Replica(RolloutReplica):
    """One server."""

    async def launch_servers(self) -> None:
        """Start it on the node of this process."""
        actor = (
            ray.remote(Server)
            .options(name=_server_name(self.replica_rank), num_cpus=0, max_concurrency=self.max_concurrency)
            .remote(
                self.model_config.path,
                slots=self.config.max_num_seqs,
                max_context=self.config.max_model_len,
                **self.config.engine_kwargs[SERVER],
            )
        )
        self.servers = [actor]
        self._server_handle = actor
        self._server_address = await actor.get_address.remote()


class Adapter(BaseRollout):
    """Hands the weights of a training process to its replica's server."""

    def __init__(self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1) -> None:
        super().__init__(config, model_config, device_mesh)
        rank, size = int(os.environ["RANK"]), self.config.tensor_model_parallel_size
        self._rank = rank // size if replica_rank == -1 else replica_rank

    async def resume(self, tags: list[str]) -> None:
        """Nothing was given up."""

    async def release(self) -> None:
        """There is no memory to share."""

    async def update_weights(
        self, weights: Iterator[tuple[str, torch.Tensor]], wire_format: str = "named_tensors", **keys: Any
    ) -> None:
        """Hand over whole tensors. Every process must take them all: gathering a shard is done by all together.

        Raises ``BackendError`` where the server's model has weights that are not among them.
        """
        named = {name: tensor.detach().to("cpu", torch.float32) for name, tensor in weights}
        await ray.get_actor(_server_name(self._rank)).load.remote(named, keys.get("global_steps"))


def _replica() -> type[Replica]:
    return Replica


RolloutReplicaRegistry.register(SERVER, _replica)
# verl has no public way to name an adapter.
base._ROLLOUT_REGISTRY[SERVER, "async"] = f"{__name__}.{Adapter.__name__}"
