"""Demonstrations made ahead by other processes."""

from __future__ import annotations

from itertools import islice

import pytest

from mem1.config import load
from mem1.errors import ConfigError
from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.recipe import Recipe
from mem1.runtime.build import build_world
from mem1.runtime.lessons.curriculum import CurriculumAhead, make_curriculum
from mem1.runtime.models import build_tokenizer

SMALL = ["lessons.per_lesson=3", "lessons.mixed=2", "lessons.countries=6", "lessons.workers=2"]


def tokenizer_of(recipe: Recipe) -> HfTokenizer:
    return build_tokenizer(recipe, lambda: ["the capital of a country"])


def test_workers_make_the_same_sequence_from_any_number_on() -> None:
    recipe = load(Recipe, "parallel-strict", SMALL)
    tokenizer = tokenizer_of(recipe)
    own = make_curriculum(recipe, build_world(recipe), tokenizer)
    ahead = CurriculumAhead(recipe, tokenizer, own.per_block)
    wanted = [one.turns for one in islice(own(4), 11)]
    found = ahead(4)
    assert [one.turns for one in islice(found, 11)] == wanted


def test_what_goes_wrong_in_a_worker_is_told_here() -> None:
    recipe = load(Recipe, "parallel-strict", [*SMALL, "memory.budgets.observation=2"])
    tokenizer = tokenizer_of(recipe)
    with pytest.raises(ConfigError, match="no room beside tags"):
        next(CurriculumAhead(recipe, tokenizer, 6)(0))
