"""Our loss on verl's engines: each token counts what its episode's normalisation says, padding counts nothing.

An engine sums the gradients of its micro-batches and takes the mean over processes. The weights are those of the whole
minibatch, so that the sum over processes is wanted: hence the factor.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from mem1.train.advantages.ppo import Ppo
from mem1.train.config import TrainConfig
from mem1.train.losses.base import LossInput
from mem1.train.losses.objective import token_losses
from mem1.train.losses.value import value_loss


def policy_loss(
    config: TrainConfig, model_output: dict[str, Tensor], data: Any, dp_group: Any = None
) -> tuple[Tensor, dict[str, Any]]:
    """This micro-batch's share of the minibatch's loss (a scalar). ``data`` as ``tensors.rows_of`` makes it."""
    at = _trained(data)
    outputs = model_output["log_probs"].values()
    if not len(at):
        return outputs.sum() * 0.0, {}
    entropy = model_output.get("entropy") if config.entropy_coef else None
    reference = _column(data, "reference_logprobs", at) if "reference_logprobs" in data.keys() else None  # noqa: SIM118
    losses, _ = token_losses(
        config.loss.build(),
        LossInput(
            logprobs=outputs[at - 1].float(),
            old_logprobs=_column(data, "old_logprobs", at),
            advantages=_column(data, "advantages", at),
            sequence=_column(data, "sequence", at),
            clip_low=config.clip_low,
            clip_high=config.clip_high,
            dual_clip=config.dual_clip,
        ),
        config,
        rollout=_column(data, "rollout_logprobs", at),
        reference=reference,
        entropy=None if entropy is None else entropy.values()[at - 1].float(),
    )
    return (_column(data, "weights", at) * losses).sum() * data["dp_size"], {}


def critic_loss(
    config: TrainConfig, model_output: dict[str, Tensor], data: Any, dp_group: Any = None
) -> tuple[Tensor, dict[str, Any]]:
    """The same for a critic: half the squared error of the values of contexts in which tokens were sampled."""
    assert isinstance(config.algorithm, Ppo)
    at = _trained(data)
    outputs = model_output["values"].values()
    if not len(at):
        return outputs.sum() * 0.0, {}
    errors = value_loss(
        outputs[at - 1].float(),
        _column(data, "old_values", at),
        _column(data, "returns", at),
        clip=config.algorithm.value_clip,
    )
    weighted = config.algorithm.value_coef * (_column(data, "weights", at) * errors).sum()
    return weighted * data["dp_size"], {}


def _trained(data: Any) -> Tensor:
    """int64: the places of trained tokens among all tokens of the micro-batch, rows laid end to end."""
    places: Tensor = data["loss_mask"].values().nonzero().squeeze(1)
    return places


def _column(data: Any, name: str, at: Tensor) -> Tensor:
    column: Tensor = data[name].values()[at]
    return column
