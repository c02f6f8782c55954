"""Demonstrations made ahead by other processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from mem1.config import load
from mem1.errors import ConfigError
from mem1.inference.hf.tokenizer import HfTokenizer
from mem1.recipe import Recipe
from mem1.rollout.demonstrations import DemonstrationSource
from mem1.runtime.build import build_world
from mem1.runtime.lessons import curriculum
from mem1.runtime.lessons.curriculum import CurriculumAhead, make_curriculum
from mem1.runtime.models import build_tokenizer
from tests.unit.rollout.test_demonstrations import MEMORY, TOKENIZER, Down, lesson, single

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


def test_what_failed_in_a_worker_is_counted_here_once_its_block_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = load(Recipe, "parallel-strict", SMALL)
    partly = lesson(single("Peru/capital"), single("Ghana/capital"), retriever=Down("Peru"))
    source = DemonstrationSource(lambda number: partly, MEMORY, TOKENIZER, per_lesson=3, mixed=2, seed=0)
    monkeypatch.setattr(curriculum, "_curriculum", source)
    monkeypatch.setattr(curriculum, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    ahead = CurriculumAhead(recipe, tokenizer_of(recipe), source.per_block)
    found = ahead(0)
    counts = []
    for _ in range(3):
        next(found)
        counts.append((ahead.lost.made, ahead.lost.failed))
        list(islice(found, 5))
    del found  # ends the workers
    assert counts == [(4, 2), (8, 4), (12, 6)], "however many blocks are made ahead"
    assert ahead.lost.where.startswith("lesson-0/0/0, File ")
