"""verl's training processes, with what ours add to them: one optimizer step at a rate, and states of any world size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from tensordict import TensorDict
from verl.single_controller.base.decorator import Dispatch, make_nd_compute_dataproto_dispatch_fn, register
from verl.utils import tensordict_utils as tu
from verl.workers.engine_workers import ActorRolloutRefWorker, TrainingWorker

from mem1.integrations.verl.inside.portable import read_critic, read_policy, write_critic, write_policy


class PolicyWorker(ActorRolloutRefWorker):
    """Holds a shard of the policy."""

    @register(dispatch_mode=make_nd_compute_dataproto_dispatch_fn(mesh_name="actor"))
    def mem1_step(self, data: TensorDict) -> TensorDict:
        """One optimizer step; see ``step``."""
        return step(self.actor, data, "log_probs")

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def mem1_write(self, folder: str) -> None:
        """Write the whole policy and its optimizer, whatever the number of processes."""
        write_policy(self.actor.engine, Path(folder))

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def mem1_read(self, folder: str) -> None:
        """Take on what any number of processes wrote."""
        read_policy(self.actor.engine, Path(folder))


class CriticWorker(TrainingWorker):
    """Holds a shard of the critic."""

    @register(dispatch_mode=make_nd_compute_dataproto_dispatch_fn(mesh_name="train"))
    def mem1_step(self, data: TensorDict) -> TensorDict:
        """One optimizer step; see ``step``."""
        return step(self, data, "values")

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def mem1_write(self, folder: str) -> None:
        """Write the whole critic and its optimizer, whatever the number of processes."""
        write_critic(self.engine, Path(folder))

    @register(dispatch_mode=Dispatch.ONE_TO_ALL)
    def mem1_read(self, folder: str) -> None:
        """Take on what any number of processes wrote."""
        read_critic(self.engine, Path(folder))


def step(worker: TrainingWorker, data: TensorDict, output: str) -> TensorDict:
    """One optimizer step of ``worker.loss_fn`` on its share of a minibatch, at the rate ``rate`` that it names.

    Returns what the engine said of each token before the step (``output``, ragged), and for each row, the same for all:
    ``loss`` of the whole minibatch and ``grad_norm`` before clipping. verl leaves the weights alone where that is not
    finite.
    """
    engine = worker.engine
    rate = tu.pop(data, "rate")
    tu.assign_non_tensor(
        data,
        use_remove_padding=worker.model_config.get("use_remove_padding", False),
        use_fused_kernels=worker.engine_config.use_fused_kernels,
        return_model_output=True,
        global_batch_size=len(data) * engine.get_data_parallel_size(),
    )
    with engine.train_mode():
        for group in engine.optimizer.param_groups:
            group["lr"] = rate
        found = engine.train_batch(data, loss_function=worker.loss_fn)
    loss = torch.tensor(sum(found["loss"]))
    group = engine.get_data_parallel_group()
    if group is not None:
        loss = loss.to(next(engine.module.parameters()).device)
        dist.all_reduce(loss, op=dist.ReduceOp.AVG, group=group)
    count = len(data)
    answer: dict[str, Any] = {
        output: found["model_output"][output].cpu(),
        "loss": torch.full((count,), loss.item()),
        "grad_norm": torch.full((count,), float(found["metrics"]["grad_norm"])),
    }
    return TensorDict(answer, batch_size=[count])
