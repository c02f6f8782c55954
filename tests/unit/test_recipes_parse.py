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
def test_compared_strategies_share_the_trained_ones_budgets(path: Path) -> None:
    recipe = load(Recipe, path)

    assert {one.budgets for one in recipe.compared.values()} == {recipe.memory.budgets}
    assert recipe.compared[recipe.memory.type] == recipe.memory


def test_there_are_recipes() -> None:
    assert {"factbook-ppo", "factbook-rloo", "parallel", "smollm2-evaluate"} <= {path.stem for path in RECIPES}
