"""Numbers of lines, "(1)" to "(N)", as tokens whose embeddings are clocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_DRAWS = 400


def key_texts(count: int) -> list[str]:
    """``(1)`` to ``(count)``."""
    return [f"({number})" for number in range(1, count + 1)]


def clock_codes(count: int, size: int, generator: torch.Generator) -> Tensor:
    """Unit codes [count, size] of the numbers from 1 on, from ``size / 2`` hands that turn by an angle of their own.

    The code of k + 1 is that of k turned: one linear map leads from every number to its successor, so that what is
    learned about a few successors holds for all. Angles are the best of ``_DRAWS`` draws, by the largest product of two
    different codes.
    """
    best, least = torch.empty(0), math.inf
    numbers = torch.arange(1, count + 1)[:, None]
    for _ in range(_DRAWS):
        angles = math.pi * (0.06 + 0.9 * torch.rand(size // 2, generator=generator))
        turned = numbers * angles
        codes = torch.cat([turned.cos(), turned.sin()], dim=1) / math.sqrt(size // 2)
        worst = (codes @ codes.T - torch.eye(count)).max().item()
        if worst < least:
            best, least = codes, worst
    return best
