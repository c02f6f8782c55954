"""What is seen before Ray starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import ray

from mem1.commands import train
from mem1.errors import ConfigError
from mem1.integrations.verl import launch as module
from mem1.recipe import Recipe
from mem1.runtime.build import World, build_world
from mem1.types import Task

RECIPE = """
model = "builtin:tiny"
watch_tasks = 2
[tasks]
composition = "sequential"
objectives = 2
count = 4
[backend]
type = "verl"
device = "cpu"
"""


def never(*_: Any, **__: Any) -> None:
    raise AssertionError("Ray was started")


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ray, "init", never)
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.mark.parametrize("refused", ["train", "dev"])
def test_tasks_that_the_environment_refuses_are_refused_before_ray_starts(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    seen: list[Task] = []

    def choosy(told: Recipe) -> World:
        world = build_world(told)

        def make(task: Task) -> Any:
            seen.append(task)
            if len(seen) == (1 if refused == "train" else 2):
                raise ConfigError("not such a task", where="tasks")
            return world.make_env(task)

        return replace(world, make_env=make)

    monkeypatch.setattr(module, "build_world", choosy)
    with pytest.raises(ConfigError, match="not such a task"):
        train(recipe, [], run=tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()
