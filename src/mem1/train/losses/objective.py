"""What is minimised for each trained token, wherever it is trained: the policy loss and all that is laid on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from mem1.train.advantages.kl import kl
from mem1.train.losses.base import Loss, LossInput, PolicyLoss
from mem1.train.losses.importance import importance

if TYPE_CHECKING:
    from mem1.train.config import TrainConfig


def token_losses(
    policy_loss: Loss,
    given: LossInput,
    config: TrainConfig,
    *,
    rollout: Tensor,
    reference: Tensor | None,
    entropy: Tensor | None,
) -> tuple[Tensor, PolicyLoss]:
    """The loss of each token, float [N], and what the policy loss said of it before anything was laid on it.

    Args:
        policy_loss: ``config.loss``, built.
        given: The tokens.
        config: Importance weights, divergence and entropy.
        rollout: float [N], log-probabilities reported when sampling, in nats.
        reference: float [N], those of the reference, or ``None``.
        entropy: float [N], with gradient, or ``None`` where ``config`` asks for none.
    """
    found = policy_loss(given)
    loss = found.loss
    weights = importance(config, given.old_logprobs, rollout, given.sequence)
    if weights is not None:
        loss = loss * weights
    if reference is not None and config.kl.where == "loss":
        loss = loss + config.kl.coef * kl(config.kl.loss_estimator, given.logprobs, reference)
    if entropy is not None and config.entropy_coef:
        loss = loss - config.entropy_coef * entropy
    return loss, found
