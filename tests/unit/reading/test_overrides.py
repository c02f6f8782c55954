"""Keys on the command line: lists, texts, and leaving out what the recipe sets."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("evaluate.horizons=1,2,4", (1, 2, 4)),
        ("evaluate.horizons=1, 2", (1, 2)),
        ("evaluate.horizons=[1, 2]", (1, 2)),
        ("evaluate.horizons=8", (8,)),
    ],
)
def test_a_list_of_numbers_needs_no_brackets(override: str, expected: tuple[int, ...]) -> None:
    assert load(Recipe, None, [override]).evaluate.horizons == expected


@pytest.mark.parametrize("text", ["full,state", "full, state", '["full", "state"]'])
def test_a_list_of_names_needs_neither_brackets_nor_quotes(text: str) -> None:
    assert load(Recipe, None, [f"evaluate.strategies={text}"]).evaluate.strategies == ("full", "state")


def test_what_stands_in_a_list_is_read_as_it_is_wanted_there() -> None:
    assert load(Recipe, None, ["lora.targets=1,2"]).lora is not None
    recipe = load(Recipe, None, ["lora.targets=q_proj,7"])
    assert recipe.lora is not None
    assert recipe.lora.targets == ("q_proj", "7")
    assert load(Recipe, None, ["lora.targets=all-linear"]).lora == load(Recipe, None, ["lora={}"]).lora


def test_a_text_with_a_comma_stays_one() -> None:
    assert load(Recipe, None, ["name=a,b"]).name == "a,b"


def test_a_wrong_element_of_a_list_is_named() -> None:
    with pytest.raises(ConfigError, match=r"evaluate\.horizons\.1: .*got 'two'"):
        load(Recipe, None, ["evaluate.horizons=1,two"])


def test_a_key_that_the_recipe_sets_can_be_left_out(tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("seed = 3\n[train]\nsteps = 5\nkl = { coef = 0.5 }\n")
    assert load(Recipe, recipe, ["!train.kl"]).train.kl == Recipe().train.kl
    assert load(Recipe, recipe, ["!train.kl.coef", "!seed"]) == load(Recipe, None, ["train.steps=5"])
    assert load(Recipe, recipe, ["!train"]).train == Recipe().train
    assert load(Recipe, recipe, ["!train.steps", "train.steps=9"]).train.steps == 9
    assert load(Recipe, recipe, ["train.steps=9", "!train.steps"]).train.steps == Recipe().train.steps


@pytest.mark.parametrize(
    ("name", "near"), [("train.stepz", "train.steps"), ("sed", "seed"), ("train.steps.more", ""), ("zzz", "")]
)
def test_what_is_not_set_cannot_be_left_out(tmp_path: Path, name: str, near: str) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("seed = 3\n[train]\nsteps = 5\n")
    with pytest.raises(ConfigError, match="is not set in the recipe") as refused:
        load(Recipe, recipe, [f"!{name}"])
    assert not near or f"did you mean {near!r}?" in refused.value.what
