"""Searches in vain: what a search shows has nothing to do with what was asked.

The expert looks up what can be found. So a policy that only imitates it has never read a passage in which the label it
looks for is missing, and writes something all the same: pieces of the country's name, over and over.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from mem1.envs.around import Around
from mem1.envs.base import Environment
from mem1.types import Action, Observation, Task, ToolCall


def in_vain(
    make_env: Callable[[Task], Environment], share: float, rng: random.Random, pieces: Sequence[str]
) -> Callable[[Task], Environment]:
    """Environments in which a share of the searches looks for something else than was asked."""
    if not share:
        return make_env
    return lambda task: _InVain(make_env(task), share, random.Random(f"{task.id} {rng.random()}"), pieces)


class _InVain(Around):
    def __init__(self, inner: Environment, share: float, rng: random.Random, pieces: Sequence[str]) -> None:
        super().__init__(inner)
        self._share, self._rng, self._pieces = share, rng, pieces or ("so", "it", "be")

    async def step(self, action: Action) -> Observation:
        if isinstance(action, ToolCall) and self._rng.random() < self._share:
            changed = {name: self._other(value) for name, value in action.arguments.items() if isinstance(value, str)}
            action = action.model_copy(update={"arguments": {**action.arguments, **changed}})
        return await self._inner.step(action)

    def _other(self, query: str) -> str:
        """Another question's query, one word of this one, its last words (mostly a name), or no words at all."""
        rng = self._rng
        others = [str(one.metadata.get("about", one.question)) for one in self.task.objectives]
        made = "".join(rng.choice(self._pieces) for _ in range(rng.randint(1, 4))).strip() or "so"
        name = query.rpartition(" of ")[2]
        return rng.choice((rng.choice(others), rng.choice(query.split() or [made]), f"background {name}", made))
