"""Estimators of KL(policy || reference) from tokens that the policy sampled (Schulman, "Approximating KL divergence").

With ``d = log policy - log reference`` of a sampled token:

- ``k1 = d``: unbiased, may be negative; the one to put into a reward;
- ``k2 = d^2 / 2``: biased, never negative; its gradient is an unbiased gradient of the divergence on policy;
- ``k3 = exp(-d) - 1 + d``: unbiased and never negative.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Estimator = Literal["k1", "k2", "k3"]


def kl(estimator: Estimator, logprobs: Tensor, reference: Tensor) -> Tensor:
    """Per-token estimate in nats; ``logprobs`` and ``reference`` are float [N], the result too."""
    difference = logprobs - reference
    match estimator:
        case "k1":
            return difference
        case "k2":
            return 0.5 * difference.square()
        case "k3":
            return torch.expm1(-difference) + difference
