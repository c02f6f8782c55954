"""The list of a recipe's keys: whole, and true."""

from __future__ import annotations

import pytest

from mem1.cli.recipe_keys import sections
from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.registry import builtin_names


def test_every_key_of_the_resolved_recipe_is_listed() -> None:
    listed = {key.key for one in sections() for key in one.keys}

    def walk(data: dict[str, object], prefix: str) -> None:
        for name, value in data.items():
            assert f"{prefix}{name}" in listed
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")

    walk(load(Recipe, None, ["lora={}"]).model_dump(), "")


def test_every_part_has_a_section_of_its_own() -> None:
    found = {(one.name, one.part) for one in sections()}
    assert {("memory", name) for name in builtin_names("memory")} <= found
    assert {("env", name) for name in builtin_names("environment")} <= found
    assert {("train.algorithm", name) for name in builtin_names("estimator")} <= found


@pytest.mark.parametrize(
    ("section", "key", "type_", "default"),
    [
        ("train", "train.steps", "whole number >= 1", "100"),
        ("train", "train.kl.where", '"reward" | "loss"', '"loss"'),
        ("train", "train.dual_clip", "number > 1", "(not set)"),
        ("warmstart.optimizer", "warmstart.optimizer.lr", "number > 0", "0.001"),
        ("train.optimizer", "train.optimizer.lr", "number > 0", "1e-06"),
        ("evaluate", "evaluate.horizons", "list of (whole number >= 1)", "[1, 2, 4, 8, 16, 32]"),
        ("memory", "memory", "section", "(type state)"),
    ],
)
def test_a_key_says_what_it_takes_and_its_default(section: str, key: str, type_: str, default: str) -> None:
    everything = [one for part in sections() for one in part.keys]
    (found, *_) = [one for one in everything if one.key == key]
    assert (found.type, found.default) == (type_, default)
    assert section


def test_a_key_says_what_its_class_says_of_it() -> None:
    (found,) = [key for one in sections("train.kl") for key in one.keys if key.key == "train.kl.coef"]
    assert "``coef`` times the k1 estimate" in found.doc


def test_a_section_is_found_by_name_and_a_wrong_one_refused_with_the_nearest() -> None:
    assert [one.name for one in sections("train.kl")] == ["train.kl"]
    assert {one.name for one in sections("train")} >= {"train", "train.kl", "train.algorithm", "train.optimizer"}
    assert [key.key for one in sections("seed") for key in one.keys] == ["seed"]
    with pytest.raises(ConfigError, match=r"no such section: 'trian' \(did you mean 'train'\?\)"):
        sections("trian")
