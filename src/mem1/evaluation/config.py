"""What an evaluation runs."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.prices import Prices
from mem1.tasks.compose import Order
from mem1.types import Composition

Count = Annotated[int, Field(ge=1)]


class EvaluateConfig(Config):
    """Strategies (``"all"`` in a recipe: every memory there is), horizons and sizes of an evaluation.

    ``tasks`` tasks at every horizon of every composition, fewer where they would hold more than ``objectives_per_cell``
    objectives together (but at least ``fewest_tasks``); ``session_objectives`` (0: none) is the length of the long
    sequential session, run on ``session_tasks`` tasks. ``temperature`` 0 is greedy.
    ``transcripts`` episodes per cell keep their contexts as text for the report.

    ``baseline`` is the strategy that the verdict sets the others against, if it is run. With ``equal_budget`` every
    strategy gets the same largest context beside the prompt, in tokens (``"state"``: the bound of ``state``): those
    with a bound are sized to reach it, and no call of any may exceed it. ``prices`` tell what the policy's calls cost
    where the engine does not know, ``side_prices`` what those of another ``side_model`` cost.
    """

    strategies: tuple[str, ...] = Field(default=("full", "window", "state"), min_length=1)
    compositions: tuple[Composition, ...] = Field(default=(Composition.PARALLEL,), min_length=1)
    horizons: tuple[Count, ...] = Field(default=(1, 2, 4, 8, 16, 32), min_length=1)
    order: Order = "shuffled"  # "consecutive": grouped as published data is, then the tasks shuffled
    tasks: Count = 100
    objectives_per_cell: Count | None = None
    fewest_tasks: Count = 8
    session_objectives: Annotated[int, Field(ge=0)] = 200
    session_tasks: Count = 4
    seed: int = 0
    temperature: Annotated[float, Field(ge=0)] = 0.0
    concurrency: Count = 32
    transcripts: Annotated[int, Field(ge=0)] = 1
    resamples: Annotated[int, Field(ge=100)] = 2000
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95
    baseline: str = "full"
    equal_budget: Count | Literal["state"] | None = None
    prices: Prices | None = None
    side_prices: Prices | None = None

    @model_validator(mode="after")
    def _has_an_order(self) -> Self:
        unordered = {Composition.MIXED, Composition.CHAINED} & set(self.compositions)
        if self.order == "consecutive" and unordered:
            raise ValueError(f"{min(unordered).value} tasks have no consecutive order")
        return self

    def tasks_at(self, objectives: int) -> int:
        """How many tasks of so many objectives are run."""
        if self.objectives_per_cell is None:
            return self.tasks
        return min(self.tasks, max(self.fewest_tasks, self.objectives_per_cell // objectives))
