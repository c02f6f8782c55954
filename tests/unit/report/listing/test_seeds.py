"""Runs over seeds: who belongs together, in what settings differ, and an interval that holds at so few."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from mem1.recipe import Recipe
from mem1.report.listing.index import RunsIndex
from mem1.report.listing.seeds import differing, mean_over_seeds, over_seeds, settings
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir


def trained(root: Path, name: str, em: float | None, **settings: Any) -> None:
    recipe = Recipe.model_validate({"name": "r", **settings})
    run = RunDir.create(root, name, recipe)
    with MetricsWriter(run.metrics) as metrics:
        metrics.write(recipe.train.steps, {"seconds/step": 1.0, "reward/mean": 0.0})
        if em is not None:  # it is written summed over the objectives of a task
            metrics.write(recipe.train.steps, {"evaluation/em": em * recipe.tasks.objectives})


def test_runs_that_differ_in_the_seed_are_one_row_and_what_differs_else_is_told(tmp_path: Path) -> None:
    slow, fast = ({"optimizer": {"lr": lr}} for lr in (1e-6, 3e-6))
    for seed, em in enumerate((0.2, 0.4, 0.6)):
        trained(tmp_path, f"slow-{seed}", em, seed=seed, train=slow)
    trained(tmp_path, "fast-0", 0.9, seed=0, train=fast)
    trained(tmp_path, "fast-1", None, seed=1, train=fast)
    index = RunsIndex(tmp_path)
    best, other = over_seeds(index, index.runs())
    assert (dict(best.differing), dict(other.differing)) == ({"train.optimizer.lr": 3e-6}, {"train.optimizer.lr": 1e-6})
    assert [one.seed for one in other.runs] == [0, 1, 2]
    assert [one.seed for one in best.scored] == [0]
    assert best.score is not None
    assert (best.score.mean, best.score.low, best.score.n) == (0.9, None, 1)
    assert other.score is not None
    assert other.score.mean == pytest.approx(0.4)


def test_the_interval_over_three_seeds_is_no_narrower_than_students() -> None:
    found = mean_over_seeds([0.4, 0.5, 0.6])
    half = 4.30265 * 0.1 / math.sqrt(3)  # 97.5 % quantile of t with 2 degrees of freedom, standard deviation 0.1
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    assert found.mean == pytest.approx(0.5)
    assert found.low <= 0.5 - half + 1e-9
    assert found.high >= 0.5 + half - 1e-9
    assert found.low >= 0
    assert found.high <= 1


def test_a_mean_of_one_seed_has_no_interval_and_none_has_no_mean() -> None:
    assert mean_over_seeds([]) is None
    single = mean_over_seeds([0.5])
    assert single is not None
    assert (single.low, single.high, single.n) == (None, None, 1)


def test_two_seeds_that_scored_the_same_are_no_certainty() -> None:
    found = mean_over_seeds([1.0, 1.0])
    assert found is not None
    assert found.low is not None
    # Clopper and Pearson for 2 of 2: the lower end is 0.025 ** (1 / 2).
    assert found.low == pytest.approx(math.sqrt(0.025), abs=0.02)
    assert found.high == 1.0


def test_what_is_no_share_has_no_interval_that_would_be_cut() -> None:
    summed = mean_over_seeds([1.45, 1.71])
    assert summed is not None
    assert (summed.low, summed.high) == (None, None)


def test_names_places_and_seeds_are_no_settings() -> None:
    config = {"name": "a", "seed": 1, "runs": "x", "train": {"seed": 2, "kl": {}}, "model": "m"}
    assert settings(config) == {"train.seed": 2, "train.kl": {}, "model": "m"}
    assert differing([{"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}]) == ["b", "c"]
