"""Settings of the small policy that the demonstration trains. No torch here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mem1.config import Config

Count = Annotated[int, Field(ge=1)]


class TinyConfig(Config):
    """A decoder of a few million parameters with rotary positions on a part of each head only.

    The dimensions without positions find a token by its content at any distance, which is what reaches beyond
    the lengths seen in training. ``copying`` starts from weights that already repeat what came before
    (see ``copying.py``); off, all weights are random. ``keys``: so many numbers, ``(1)``, ``(2)``, ..., are tokens of
    their own, and the circuit tells lines apart that begin with them. ``architecture``: ``qwen2`` has rotary positions
    on the whole of each head (``rotary_share`` does not apply), most of them so slow that they tell nothing.
    """

    architecture: Literal["stablelm", "qwen2"] = "stablelm"
    keys: Annotated[int, Field(ge=0)] = 0
    vocabulary: Annotated[int, Field(ge=512)] = 2048
    hidden: Count = 256
    layers: Annotated[int, Field(ge=2)] = 4
    heads: Count = 4
    intermediate: Count = 512
    max_positions: Count = 32768
    rotary_share: Annotated[float, Field(gt=0, le=1)] = 0.25
    copying: bool = True
    seed: int = 0

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.hidden % self.heads:
            raise ValueError(f"heads must divide hidden, got {self.heads} and {self.hidden}")
        size = self.hidden // self.heads
        heads = 4 if self.keys else 3
        if self.copying and (self.heads < heads or size < 64 or self.hidden < 32 * heads + 2 * size):
            raise ValueError(
                f"copying needs {heads} heads or more of 64 dimensions or more, got {self.heads} heads of {size}"
            )
        return self
