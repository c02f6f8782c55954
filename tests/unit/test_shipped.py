"""Recipes that come with the program are found by name, wherever one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.shipped import EXAMPLES, RECIPES, recipe_names, recipe_path


@pytest.mark.parametrize("name", ["demo", "demo.toml", "recipes/demo.toml", "recipes/demo"])
def test_a_shipped_recipe_has_a_name(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert recipe_path(name) == RECIPES / "demo.toml"
    assert load(Recipe, name) == load(Recipe, RECIPES / "demo.toml")


def test_a_file_of_ones_own_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.toml").write_text('name = "mine"\n', encoding="utf-8")
    assert load(Recipe, "demo.toml").name == "mine"
    assert load(Recipe, "demo").name != "mine"


def test_what_is_neither_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_path("recipes/nothing.toml")
    assert "paper/qwen2.5-7b" in str(caught.value.hint)
    assert "paper/qwen2.5-7b" in recipe_names()


@pytest.mark.parametrize("name", ["../assets/recipes/demo", "../../etc/passwd", "paper/../demo"])
def test_names_do_not_lead_out_of_the_recipes(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        recipe_path(name)


def test_the_checkout_shows_what_the_wheel_carries() -> None:
    root = Path(__file__).parents[2]
    assert (root / "recipes").resolve() == RECIPES.resolve()
    assert (root / "examples").resolve() == EXAMPLES.resolve()
