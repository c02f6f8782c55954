"""Where in an attention head positions are told, by architecture, and biases that look back by position alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Places:
    """A head's dimensions, under rotary positions in the halves form: pair i is the dimensions i and i + ``half``.

    ``frequencies`` of the pairs, fastest first, in radians a token; ``still``: dimensions that do not turn, or by so
    little that they do not tell positions within thousands of tokens.
    """

    size: int
    half: int
    frequencies: tuple[float, ...]
    still: tuple[int, ...]

    @staticmethod
    def partial(size: int, share: float, theta: float) -> Places:
        """Rotary positions on the first ``share`` of the dimensions only (StableLM)."""
        rotary = int(size * share)
        frequencies = tuple(theta ** (-2 * i / rotary) for i in range(rotary // 2))
        return Places(size, rotary // 2, frequencies, tuple(range(rotary, size)))

    @staticmethod
    def whole(size: int, theta: float, slowest: float = 1e-4) -> Places:
        """On all dimensions (Qwen2, Llama), with a base so large that most pairs hardly turn."""
        half = size // 2
        frequencies = tuple(theta ** (-2 * i / size) for i in range(half))
        slow = [i for i, w in enumerate(frequencies) if w < slowest]
        return Places(size, half, frequencies, (*slow, *(i + half for i in slow)))

    def look_back(self, back: int, gap: float) -> tuple[Tensor, Tensor]:
        """Query and key biases [size] whose rotated product is largest ``back`` positions back.

        With frequencies w the score at distance n is s^2 * sum cos((n - back) w) / sqrt(size); s makes the score at
        n = back exceed that at its neighbours by ``gap`` nats. Only the fastest frequencies tell neighbours apart.
        """
        fast = self.frequencies[:4]
        scale = math.sqrt(gap * math.sqrt(self.size) / sum(1 - math.cos(w) for w in fast))
        query, key = torch.zeros(self.size), torch.zeros(self.size)
        for i, w in enumerate(fast):
            key[i] = scale
            query[i], query[i + self.half] = scale * math.cos(back * w), -scale * math.sin(back * w)
        return query, key

    def nearest(self, pairs: Sequence[int], nats: float) -> Tensor:
        """A bias [size] for queries and keys alike: with it each of ``pairs`` adds ``nats * cos(n w)`` at distance n.

        Slow pairs fall with the distance over a line or more, so that the nearest of several wins.
        """
        bias = torch.zeros(self.size)
        bias[list(pairs)] = math.sqrt(nats * math.sqrt(self.size))
        return bias
