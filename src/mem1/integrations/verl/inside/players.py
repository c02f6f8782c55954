"""Episodes through verl: tasks go to its agent loop workers, and come back as records."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import ray
import transfer_queue as tq
from ray.exceptions import RayError
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils import tensordict_utils as tu

from mem1.errors import BackendError
from mem1.integrations.verl.inside.agent_loop import REQUEST
from mem1.integrations.verl.inside.gone import HINT, which
from mem1.integrations.verl.inside.outputs import episode_of
from mem1.types import Episode, Task

_PARTITION = "train"
_LOOK = 10.0  # seconds between looks at the workers


class Players:
    """Plays episodes in the processes of an agent loop manager.

    Args:
        manager: verl's, whose workers run the agent loop ``mem1``.
        buffer: A ``WatchfulBuffer``.
    """

    def __init__(self, manager: Any, buffer: Any) -> None:
        self._manager = manager
        self._buffer = buffer
        buffer.workers = manager.agent_loop_workers

    async def played(
        self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0
    ) -> list[Episode]:
        """``size`` episodes of each task, named and seeded as ``group_requests`` does, in its order.

        Raises ``BackendError`` where one cannot be played, or a worker is gone.
        """
        return await asyncio.to_thread(self.play, tasks, label, size=size, temperature=temperature)

    def play(self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0) -> list[Episode]:
        """``played``, which waits."""
        names = [uuid4().hex for _ in tasks]
        tags = [{"is_prompt": True, "status": "pending", "global_steps": 0} for _ in tasks]
        tq.kv_batch_put(keys=names, partition_id=_PARTITION, tags=tags)
        self._manager.generate_sequences(_requests(tasks, names, label, size, temperature))
        batch, _ = self._buffer.sample(global_steps=0, partition_id=_PARTITION, batch_size=len(tasks))
        try:
            first = [key for key in batch.keys if key.endswith("_0")]
            data = tq.kv_batch_get(keys=first, partition_id=_PARTITION, select_fields=["extra_fields"])
            found = [episode_of(getattr(extra, "data", extra)) for extra in list(data["extra_fields"])]
        finally:
            tq.kv_clear(keys=batch.keys, partition_id=_PARTITION)
        if len(found) != len(tasks) * size:
            raise BackendError(
                f"{len(found)} of {len(tasks) * size} episodes came back",
                where=label,
                hint="an agent loop worker failed; its log tells why (`ray logs`)",
            )
        order = {f"{label}/{position}/{member}": position * size + member
                 for position in range(len(tasks)) for member in range(size)}  # fmt: skip
        return sorted(found, key=lambda episode: order[episode.id])


class WatchfulBuffer(ReplayBuffer):
    """verl's replay buffer, which looks more often, and whether those are alive whom it waits for."""

    workers: Sequence[Any] = ()
    _looked = 0.0

    def __init__(self, *args: Any, **keys: Any) -> None:
        super().__init__(*args, poll_interval=0.2, **keys)

    def _wait_for_next_poll(self, partition_id: str, last_debug_time: float) -> float:
        if time.monotonic() - self._looked > _LOOK:
            self._looked = time.monotonic()
            _check_alive(self.workers)
        return float(super()._wait_for_next_poll(partition_id, last_debug_time))


def _check_alive(workers: Sequence[Any]) -> None:
    """Raise ``BackendError`` where a worker is dead; one that is busy answers later."""
    ready, _ = ray.wait([worker.__ray_ready__.remote() for worker in workers], num_returns=len(workers), timeout=0.5)
    try:
        ray.get(ready)
    except RayError as error:
        raise BackendError(
            f"an agent loop worker is gone: {type(error).__name__}: {which(error)}", where="rollout", hint=HINT
        ) from error


def _requests(tasks: Sequence[Task], names: Sequence[str], label: str, size: int, temperature: float) -> Any:
    """A row a task, as verl's workers take them."""
    asked = [
        json.dumps(
            {
                "task": task.model_dump(mode="json"),
                "group": f"{label}/{position}",
                "label": label,
                "position": position,
                "temperature": temperature,
            }
        )
        for position, task in enumerate(tasks)
    ]
    rows: dict[str, list[Any]] = {
        "uid": list(names),
        "index": list(range(len(tasks))),
        "agent_name": ["mem1"] * len(tasks),
        "raw_prompt": [[] for _ in tasks],
        "__rollout_n__": [size] * len(tasks),
        REQUEST: asked,
    }
    batch = tu.get_tensordict(rows)
    tu.assign_non_tensor_data(batch, "global_steps", 0)
    return batch
