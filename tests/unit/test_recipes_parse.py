"""Every recipe in the repository is one that the program accepts."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import load
from mem1.recipe import Recipe

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_parses_and_explains_itself(path: Path) -> None:
    recipe = load(Recipe, path)

    assert recipe.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_what_is_trained_is_measured_with_the_same_budgets(path: Path) -> None:
    recipe = load(Recipe, path)

    if "strategies" in recipe.model_fields_set:
        assert len({strategy.budgets for strategy in recipe.strategies}) == 1
        if "memory" in recipe.model_fields_set:
            assert recipe.memory in recipe.strategies


def test_there_are_recipes() -> None:
    assert {"factbook-ppo", "factbook-rloo", "parallel", "smollm2-evaluate"} <= {path.stem for path in RECIPES}
