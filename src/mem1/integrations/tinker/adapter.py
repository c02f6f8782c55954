"""An adapter at the service: steps on rows, log-probabilities, saved states."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mem1.integrations.tinker.client import Connection, numbers
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.convention import MEAN, SUM, Convention, measured
from mem1.train.config import TrainConfig
from mem1.train.rows.row import Row

if TYPE_CHECKING:
    from tinker import Datum, SamplingClient, TrainingClient

PROBE = "The capital of Peru is Lima, and that of Chad is N'Djamena."
_EPSILON = 1e-8  # as the optimizer here has it; the protocol's own default is 1e-12


class Adapter:
    """A low-rank adapter that is trained at the service; made, or loaded, when it is first needed.

    Args:
        connection: The service.
        config: Its settings.
        train: Clipping and optimizer.
        model: The base model.
        seed: Of a new adapter.
        probe: Any text of more than four tokens, to find out how the service brings rows together.
    """

    def __init__(
        self,
        connection: Connection,
        config: TinkerConfig,
        train: TrainConfig,
        *,
        model: str,
        seed: int,
        probe: Sequence[int],
    ) -> None:
        self.model = model
        self._connection = connection
        self._config = config
        self._train = train
        self._seed = seed
        self._probe = probe
        self._client: TrainingClient | None = None
        self._convention: Convention | None = {"sum": SUM, "mean": MEAN}.get(config.convention)

    @property
    def convention(self) -> Convention:
        """How the service brings rows together: stated, or measured on an adapter that is not used again."""
        if self._convention is None:
            with self._connection.boundary("cannot find out how the service sums gradients"):
                probed = self._connection.trainer(self.model, self._config.rank, seed=self._seed)

                def norm(rows: Sequence[Row]) -> float | None:
                    return _norm(self._step(probed, [datum(row, 1.0) for row in rows], 0.0)[1])

                self._convention = measured(norm, self._probe)
        return self._convention

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """Log p of each trained token, in nats."""
        with self._connection.boundary("cannot score"):
            output = self._connection.wait(
                self._opened().forward([datum(row, 1.0) for row in rows], "importance_sampling")
            )
        return _trained(rows, output)

    def step(self, rows: Sequence[Row], lr: float) -> tuple[list[list[float]], float | None]:
        """One optimizer step on all rows together.

        Returns the log-probabilities of the trained tokens before it (nats), and the norm of the gradient where the
        service says it.
        """
        data = [datum(row, row.weight * self.convention.scale(row, len(rows))) for row in rows]
        with self._connection.boundary("the optimizer step failed"):
            output, metrics = self._step(self._opened(), data, lr)
        return _trained(rows, output), _norm(metrics)

    def sampler(self) -> SamplingClient:
        """Who samples with the weights as they are."""
        client = self._opened()
        with self._connection.boundary("cannot hand the weights to the sampler"):
            return client.save_weights_and_get_sampling_client()

    def save(self) -> tuple[str, str]:
        """Have the service keep weights and optimizer: the paths to go on from, and to sample from."""
        name, client = f"mem1-{uuid.uuid4().hex[:12]}", self._opened()
        with self._connection.boundary("cannot save at the service"):
            state = self._connection.wait(client.save_state(name))
            sampler = self._connection.wait(client.save_weights_for_sampler(name))
        return state.path, sampler.path

    def load(self, state: str) -> None:
        """Go on from a path that ``save`` gave."""
        self._client = self._connection.resumed(state)

    def _opened(self) -> TrainingClient:
        if self._client is None:
            self._client = self._connection.trainer(self.model, self._config.rank, seed=self._seed)
        return self._client

    def _step(self, client: TrainingClient, data: Sequence[Datum], lr: float) -> tuple[Any, Mapping[str, float]]:
        """Gradient and step, sent together; what the loss returns, and the step's metrics."""
        from tinker import AdamParams

        optimizer, loss = self._train.optimizer, self._config.loss
        low, high = 1 - self._train.clip_low, 1 + self._train.clip_high
        clip = {"clip_low_threshold": low, "clip_high_threshold": high}
        adam = AdamParams(
            learning_rate=lr,
            beta1=optimizer.betas[0],
            beta2=optimizer.betas[1],
            eps=_EPSILON,
            weight_decay=optimizer.weight_decay,
            grad_clip_norm=optimizer.max_grad_norm,
        )
        gradient = client.forward_backward(list(data), loss, None if loss == "importance_sampling" else clip)
        stepped = client.optim_step(adam)
        output = self._connection.wait(gradient)
        return output, self._connection.wait(stepped).metrics or {}


def datum(row: Row, scale: float) -> Datum:
    """A context as the service takes it: position i predicts token i + 1; advantages times ``scale``."""
    from tinker import Datum, ModelInput

    return Datum(
        model_input=ModelInput.from_ints(list(row.token_ids[:-1])),
        loss_fn_inputs={
            "target_tokens": list(row.token_ids[1:]),
            "logprobs": list(row.rollout_logprobs[1:]),
            "advantages": [scale * one for one in row.advantages[1:]],
            "weights": [float(one) for one in row.trained[1:]],
        },
    )


def _trained(rows: Sequence[Row], output: Any) -> list[list[float]]:
    """The log-probabilities of trained tokens, from what the loss returns: one for each token but the first."""
    found = [numbers(one["logprobs"]) for one in output.loss_fn_outputs]
    return [
        [value for on, value in zip(row.trained[1:], values, strict=True) if on]
        for row, values in zip(rows, found, strict=True)
    ]


def _norm(metrics: Mapping[str, float]) -> float | None:
    """The gradient's norm, under whatever name the service gives it."""
    return next((value for name, value in metrics.items() if name.rpartition("/")[2] == "grad_norm"), None)
