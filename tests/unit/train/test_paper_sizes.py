"""What docs/paper.md says the published recipes need is what the code works out for Qwen2.5's shapes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mem1.config import load
from mem1.doctor.recipe import plan_of
from mem1.inference.config import TransformersConfig
from mem1.recipe import Recipe
from mem1.runtime.forecast.amounts import Amount
from mem1.train.sizing import H100, ModelShape, estimate

PAGE = Path(__file__).parents[3] / "docs" / "paper.md"
EVERY_BUDGET = (6.0, Amount(1, 2185, 1000))  # turns, and what one reads and writes
SHAPES = {
    "qwen2.5-0.5b": ModelShape(494_032_768, 24, 896, 4864, 2, 64, 151_936),
    "qwen2.5-1.5b": ModelShape(1_543_714_304, 28, 1536, 8960, 2, 128, 151_936),
    "qwen2.5-7b": ModelShape(7_615_616_512, 28, 3584, 18_944, 4, 128, 152_064),
}


def gigabytes(name: str, *overrides: str) -> tuple[float, bool]:
    recipe = load(Recipe, f"paper/{name}", overrides)
    engine = recipe.writer
    assert isinstance(engine, TransformersConfig)
    shape = SHAPES[name]
    sizing = estimate(shape, plan_of(recipe, engine, shape, EVERY_BUDGET), H100)
    return sizing.memory.total / 1e9, sizing.fits


@pytest.mark.parametrize("name", SHAPES)
def test_the_page_states_what_the_code_works_out(name: str) -> None:
    stated = re.search(rf"`{re.escape(name)}\.toml` \|.*\| (\d+) GB \|", PAGE.read_text("utf-8"))
    assert stated is not None
    assert int(stated[1]) == round(gigabytes(name)[0])


def test_the_recipe_for_one_device_fits_it_and_would_not_with_activations_kept() -> None:
    assert gigabytes("qwen2.5-1.5b")[1]
    assert not gigabytes("qwen2.5-1.5b", "train.checkpointing=false")[1]
