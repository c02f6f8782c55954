"""What tokens cost: the price table of an endpoint, or of an evaluation."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mem1.config import Config

Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Prices(Config):
    """Prices of a million tokens. ``cached_input``: of input read from the server's cache; ``None``: as ``input``."""

    input: Price
    output: Price
    cached_input: Price | None = None
    currency: str = "USD"

    def cost(self, *, prompt: int, cached: int, completion: int) -> float:
        """Of one call, in ``currency``; ``cached`` of the ``prompt`` tokens are, and no more than all of them."""
        cached = min(cached, prompt)
        cheap = self.input if self.cached_input is None else self.cached_input
        return ((prompt - cached) * self.input + cached * cheap + completion * self.output) / 1e6
