"""The trainer back end in this process: packed rows, exact gradients, AdamW."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mem1.errors import ConfigError
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import TrainConfig
from mem1.train.memory_credit.credit import credits_of, on_states, state_advantages
from mem1.train.memory_credit.probes import Probes
from mem1.train.policy.optimizer import hold, set_rate
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch, minibatch_of_rows, prepare, score
from mem1.train.rows.batch import Batch, View, batch_of_rows
from mem1.train.rows.row import Row, by_row
from mem1.train.selection import Selection
from mem1.train.update import StepStats, update
from mem1.types import Episode

_STATE = "local.pt"


class LocalBackend:
    """A ``TrainerBackend``: what ``Trainer`` trains with.

    Args:
        policy: What is trained.
        critic: What is trained beside it (PPO), or ``None``; may be ``policy`` itself.
        optimizer: Of both.
        config: Clipping, importance, normalisation and row sizes.
        view: How contexts become packed rows (``policy.training_view``).
        reference: What a divergence is taken against, if any is.
        probes: What the policy is asked for ``config.memory_credit``.

    Raises:
        ConfigError: Credit for memory is asked for and nobody says what the answers are.
    """

    def __init__(
        self,
        policy: Policy,
        critic: Policy | None,
        optimizer: torch.optim.Optimizer,
        config: TrainConfig,
        *,
        view: View,
        reference: Policy | None = None,
        probes: Probes | None = None,
    ) -> None:
        if config.memory_credit.type != "none" and probes is None:
            raise ConfigError(
                "it is not known what answers a page should tell of",
                where="train.memory_credit",
                hint='pass probes to the trainer (memory_credit.probes.answer_probes), or set type = "none"',
            )
        self.policy = policy
        self.critic = critic
        self.optimizer = optimizer
        self.view: View = view
        self._config = config
        self._reference = reference
        self._probes = probes

    @property
    def has_critic(self) -> bool:
        """Whether values are learned beside the policy."""
        return self.critic is not None

    def prepare(self, selection: Selection, ledger: Ledger, rng: random.Random) -> list[Minibatch]:
        """The minibatches of a rollout (``prepare.prepare``)."""
        return prepare(
            selection,
            self._config,
            ledger=ledger,
            view=self.view,
            policy=self.policy,
            critic=self.critic,
            reference=self._reference,
            rng=rng,
            extra=self._for_memory if self._config.memory_credit.type != "none" else None,
        )

    def _for_memory(self, groups: Sequence[Sequence[Episode]], batches: Sequence[Batch]) -> list[Tensor]:
        """The extra advantages of the tokens of states."""
        assert self._probes is not None
        kind = self._config.memory_credit
        credits = credits_of(groups, kind, self._probes, self.policy, self._config.rows, self.view)
        each = state_advantages(groups, credits, kind.weight)
        return [on_states(batch, each) for batch in batches]

    def set_rate(self, factor: float, *, critic_only: bool) -> None:
        """What the updates that follow learn with: a share of the configured rates; for the policy none of it."""
        set_rate(self.optimizer, factor)
        if critic_only:
            hold(self.optimizer, self.policy.model.parameters())

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """Log p of each trained token, in nats."""
        return by_row(rows, score(self.policy, self._batch(rows)).logprobs.tolist())

    def step(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """One step by advantages and weights of the rows alone: no critic, no reference, ratio 1.

        Raises ``InexactError`` and ``ModelError`` as ``update`` does.
        """
        stats = self.update(minibatch_of_rows(rows, self._batch(rows), None))
        return {"loss": stats.loss, "grad_norm": stats.grad_norm}

    def update(self, minibatch: Minibatch) -> StepStats:
        """One step on a prepared minibatch, with all that it holds beside the rows."""
        return update(self.policy, self.critic, self.optimizer, minibatch, self._config)

    def finish(self) -> None:
        """Let go of gradients: the updates of a rollout are done."""
        self.optimizer.zero_grad(set_to_none=True)

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
        return batch_of_rows(rows, **self._config.rows.model_dump(), view=self.view)
