"""The expert's ceiling of evaluations that differ in their weights alone: it asks no model, so that it plays once."""

from __future__ import annotations

from typing import Any

from mem1.evaluation.records import Ceiling
from mem1.runtime.build import Runtime
from mem1.runtime.ceiling import ceilings
from mem1.runtime.evaluate import Cells


class PlayedOnce:
    """``ceilings`` of one evaluation after another.

    What was reached is taken again where nothing is different that the expert depends on: the recipe but for its model,
    the tasks, the policy's tokens and its context. It plays anew where these are not known, as of a tokenizer without
    a fingerprint, and where episodes of it failed: what was down then may be up now.
    """

    def __init__(self) -> None:
        self._under: tuple[Any, ...] = ()
        self._reached: tuple[Ceiling, ...] = ()

    def __call__(self, runtime: Runtime, cells: Cells) -> tuple[Ceiling, ...]:
        """What the expert reaches in ``cells``. Raises ``Mem1Error``."""
        engine = runtime.engine
        tokens = getattr(engine.tokenizer, "fingerprint", None)
        same = runtime.recipe.model_copy(update={"model": ""})
        under = (same, tokens, engine.max_context, {key: tuple(tasks) for key, tasks in cells.items()})
        if tokens is None or under != self._under or any(row.failed for row in self._reached):
            self._reached, self._under = ceilings(runtime, cells), under
        return self._reached
