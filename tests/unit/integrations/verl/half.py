"""One of two processes that train a policy together: ``python -m ... RANK PORT MODEL FOLDER STEPS``.

Both make the same minibatch and take their own part of its rows, as Ray would hand them out.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path

from tests.unit.integrations.verl.alone import policy_of, recipe, world


def main(rank: int, port: int, model: Path, folder: Path, steps: int) -> None:
    os.environ["VERL_PLATFORM"] = "cpu"
    world(rank, 2, port)
    from verl.utils import tensordict_utils as tu

    from mem1.integrations.verl.inside.loss import policy_loss
    from mem1.integrations.verl.inside.tensors import rows_of
    from mem1.integrations.verl.settings import settings
    from tests.unit.integrations.verl.table import config, local, prepared

    train = config()
    told = recipe(model, train)
    worker = policy_of(settings(told, told.backend, run=None, allow_imports=False), 2).worker  # type: ignore[arg-type]
    worker.set_loss_fn(partial(policy_loss, train))
    (minibatch,) = prepared(local(model, train), train)
    # What the policy says of it is asked for once, of the weights before any step.
    from mem1.inference.hf.loading import load_model
    from mem1.train.policy.policy import Policy
    from mem1.train.prepare import score

    old = score(Policy(load_model(str(model), device="cpu")), minibatch.batch).logprobs
    columns = {
        "weights": minibatch.weights,
        "advantages": minibatch.advantages,
        "old_logprobs": old,
        "rollout_logprobs": minibatch.batch.rollout_logprobs,
        "sequence": minibatch.batch.sequence_of,
    }
    said = []
    for _ in range(steps):
        rows = rows_of(minibatch.batch.samples, columns, processes=2, capacity=64, filler=0, temperature=1.0, rate=1e-3)
        found = worker.mem1_step(tu.chunk_tensordict(rows.data, 2)[rank])
        said.append([float(found["loss"][0]), float(found["grad_norm"][0])])
    worker.mem1_write(str(folder))
    if rank == 0:
        print(json.dumps(said))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
