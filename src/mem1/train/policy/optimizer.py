"""AdamW over the policy and the critic, and the learning rate as a pure function of the step."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn

from mem1.errors import ModelError
from mem1.train.config import OptimizerConfig


def rate(config: OptimizerConfig, step: int, steps: int) -> float:
    """The factor on ``lr`` for step ``step`` of ``steps`` (counted from 0).

    Rises linearly over ``warmup`` steps to 1, then stays, or falls along a half cosine to ``final_fraction`` at the
    last step, over the last ``falling`` share of the steps.
    """
    if step < config.warmup:
        return (step + 1) / (config.warmup + 1)
    if config.schedule == "constant":
        return 1.0
    begins = max(config.warmup, round(steps * (1 - config.falling)))
    progress = min(1.0, max(0, step - begins) / max(1, steps - 1 - begins))
    return config.final_fraction + (1 - config.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def make_optimizer(
    actor: list[nn.Parameter], critic: list[nn.Parameter], config: OptimizerConfig, *, critic_lr: float
) -> torch.optim.AdamW:
    """Fused AdamW; matrices decay, vectors (norms, biases) do not.

    Each parameter group remembers its own peak rate as ``peak_lr`` for ``set_rate``.

    Raises:
        ModelError: A weight to be trained is in half precision, where most steps would be rounded away: bfloat16 tells
            1 from 1.008 and nothing in between.
    """
    for parameter in (*actor, *critic):
        if parameter.requires_grad and parameter.dtype in (torch.bfloat16, torch.float16):
            raise ModelError(
                f"weights in {str(parameter.dtype).removeprefix('torch.')} cannot be trained: most updates would be "
                "rounded away",
                hint="load the model in float32; train.autocast = 'bfloat16' makes the arithmetic cheaper, and an "
                "adapter trains beside weights in half precision",
            )
    groups = []
    for parameters, lr in ((actor, config.lr), (critic, critic_lr)):
        trained = [p for p in parameters if p.requires_grad]
        matrices, vectors = [p for p in trained if p.ndim >= 2], [p for p in trained if p.ndim < 2]
        for chosen, decay in ((matrices, config.weight_decay), (vectors, 0.0)):
            if chosen:
                groups.append({"params": chosen, "lr": lr, "peak_lr": lr, "weight_decay": decay})
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, fused=True)


def set_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set every group's learning rate to ``factor`` times its peak."""
    for group in optimizer.param_groups:
        group["lr"] = factor * group["peak_lr"]


def hold(optimizer: torch.optim.Optimizer, parameters: Iterable[nn.Parameter]) -> None:
    """Leave ``parameters`` as they are until the next ``set_rate``; their moments go on."""
    held = {id(parameter) for parameter in parameters}
    for group in optimizer.param_groups:
        if id(group["params"][0]) in held:
            group["lr"] = 0.0


def clip_gradient(parameters: Iterable[nn.Parameter], limit: float) -> float:
    """Scale gradients down to a norm of ``limit``; returns their norm before.

    Raises:
        ModelError: The norm is not finite.
    """
    norm = nn.utils.clip_grad_norm_(parameters, limit).item()
    if not math.isfinite(norm):
        raise ModelError(
            f"the gradient is not finite ({norm})",
            hint="start a new run from the last checkpoint's model (--set model=RUN/checkpoints/STEP/model) with a "
            "lower learning rate or autocast = 'none'",
        )
    return norm
