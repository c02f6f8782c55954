"""The scripted expert keeps everything it finds, under each memory that it knows: the histories must say so."""

from __future__ import annotations

import pytest

from mem1.config import build
from mem1.evaluation.remembering.survival import Fate, survival
from mem1.recipe import Recipe
from mem1.runtime.build import build as build_runtime
from mem1.runtime.ceiling import played
from mem1.runtime.tasks import held_out
from mem1.types import Composition


@pytest.mark.parametrize("memory", ["state", "state_gated", "full"])
def test_what_the_expert_found_stands_in_context_until_it_answers(memory: str) -> None:
    recipe = build(
        Recipe,
        {"model": "builtin:tiny", "env": {"prompt": "brief", "top_k": 2}, "memory": {"type": memory}},
        where="test",
    )
    runtime = build_runtime(recipe)
    tasks = held_out(recipe, runtime.world.sources, "test", Composition.PARALLEL, 4, 3, seed=0)
    histories = [
        one for episode in played(recipe, runtime, tasks) for one in survival(episode, runtime.engine.tokenizer.decode)
    ]
    assert len(histories) == 12
    found = [one for one in histories if one.found is not None]
    assert len(found) >= 10
    assert all(one.there and one.lost is None for one in found)
    assert {one.fate for one in found} == {Fate.ANSWERED}
