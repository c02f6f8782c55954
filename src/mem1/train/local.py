"""The trainer back end in this process: packed rows, exact gradients, AdamW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import torch

from mem1.train.config import TrainConfig
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch, score
from mem1.train.rows.batch import Batch, View
from mem1.train.rows.packing import pack
from mem1.train.rows.row import Row, trained_values
from mem1.train.rows.samples import Sample
from mem1.train.update import StepStats, update

_STATE = "local.pt"


class LocalBackend:
    """A ``TrainerBackend``: what ``Trainer`` trains with.

    Args:
        policy: What is trained.
        critic: What is trained beside it (PPO), or ``None``; may be ``policy`` itself.
        optimizer: Of both.
        config: Clipping, importance, normalisation and row sizes.
        view: How contexts become packed rows (``policy.training_view``).
    """

    def __init__(
        self,
        policy: Policy,
        critic: Policy | None,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        *,
        view: View,
    ) -> None:
        self.policy = policy
        self.critic = critic
        self.optimizer = optimizer
        self.view: View = view
        self._config = config

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """Log p of each trained token, in nats."""
        flat = score(self.policy, self._batch(rows)).logprobs.tolist()
        ends = list(accumulate(sum(row.trained) for row in rows))
        return [flat[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def step(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """One step by advantages and weights of the rows alone: no critic, no reference, ratio 1.

        Raises ``InexactError`` and ``ModelError`` as ``update`` does.
        """
        stats = self.update(
            Minibatch(
                batch=self._batch(rows),
                weights=torch.tensor(trained_values(rows, [[row.weight] * len(row.token_ids) for row in rows])),
                advantages=torch.tensor(trained_values(rows, [row.advantages for row in rows])),
                old_logprobs=None,
                old_entropy=None,
                old_values=None,
                returns=None,
                reference_logprobs=None,
            )
        )
        return {"loss": stats.loss, "grad_norm": stats.grad_norm}

    def update(self, minibatch: Minibatch) -> StepStats:
        """One step on a prepared minibatch, with all that it holds beside the rows."""
        return update(self.policy, self.critic, self.optimizer, minibatch, self._config)

    def save(self, folder: Path) -> None:
        """Weights and optimizer as tensors."""
        folder.mkdir(parents=True, exist_ok=True)
        state = {"model": self.policy.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(state, folder / _STATE)

    def load(self, folder: Path) -> None:
        """Tensors only: nothing in the file is run."""
        state = torch.load(folder / _STATE, map_location=self.policy.device, weights_only=True)
        self.policy.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])

    def _batch(self, rows: Sequence[Row]) -> Batch:
        counts = [sum(row.trained) for row in rows]
        starts = [0, *accumulate(counts)]
        samples = tuple(
            Sample(
                episode=k,
                group=row.group_id,
                token_ids=row.token_ids,
                prefix_length=0,
                trained=row.trained,
                flat=tuple(range(starts[k], starts[k + 1])),
            )
            for k, row in enumerate(rows)
        )
        capacity, share = self._config.rows.capacity, self._config.rows.share_prefix
        packed = (
            pack(samples, capacity=capacity, share_prefix=share)
            if self.view == "packed"
            else tuple(one for sample in samples for one in pack([sample], capacity=sample.length))
        )
        return Batch(
            episodes=(),
            samples=samples,
            rows=packed,
            starts=torch.tensor(starts),
            episode_of=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
            turn_of=torch.zeros(starts[-1], dtype=torch.long),
            rollout_logprobs=torch.tensor(trained_values(rows, [row.rollout_logprobs for row in rows])),
        )
