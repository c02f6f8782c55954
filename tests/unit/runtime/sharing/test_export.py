"""An exported folder is a recipe of its own policy, and its card says what a reader must know."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from mem1.config import differences, load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.runtime.sharing.export import describe
from mem1.storage.metrics import MetricsWriter
from mem1.storage.run_dir import RunDir


def described(tmp_path: Path, **settings: object) -> tuple[Recipe, Path]:
    return written(tmp_path, 0, settings)


def written(tmp_path: Path, averaged: int, settings: Mapping[str, object]) -> tuple[Recipe, Path]:
    recipe = Recipe.model_validate({"name": "mine", "seed": 7, **settings})
    run = RunDir.create(tmp_path / "runs", "run", recipe)
    with MetricsWriter(run.metrics) as metrics:
        metrics.write(2, {"evaluation/em": 0.25})
        metrics.write(3, {"reward/mean": 0.5})
        metrics.write(3, {"evaluation/em": 0.75})
    folder = tmp_path / "exported"
    folder.mkdir()
    describe(run, folder, 3, name="mine", averaged=averaged)
    return recipe, folder


def test_what_is_loaded_from_the_folder_is_the_recipe_with_the_folders_model(tmp_path: Path) -> None:
    """``tis_cap`` is none where the default is a number: a TOML file could not say that."""
    trained = {"tis_cap": None, "algorithm": {"type": "rloo"}}
    recipe, folder = described(tmp_path, train=trained, monitors=["wandb"], runs="elsewhere", lora={"r": 4})
    (tmp_path / "empty").mkdir()
    moved = Path(shutil.move(folder, tmp_path / "empty" / "his"))
    shutil.rmtree(tmp_path / "runs")
    found = load(Recipe, moved)
    assert {name.partition(".")[0] for name in differences(recipe, found)} == {"model", "monitors", "runs", "lora"}
    assert found.model == str(moved)
    assert found.train.tis_cap is None
    assert load(Recipe, moved, ["seed=8"]).seed == 8


def test_the_card_of_a_mean_of_policies_tells_no_figures_of_one_of_them(tmp_path: Path) -> None:
    _, folder = written(tmp_path, 2, {})
    card = (folder / "README.md").read_text()
    assert "the mean of those of its run and of 2 other policies" in card
    assert "0.75" not in card


def test_a_prompt_that_is_a_file_comes_along(tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Answer these:\n{questions}\n")
    _, folder = described(tmp_path, env={"type": "qa", "prompt": str(prompt)})
    prompt.unlink()
    found = load(Recipe, folder)
    assert Path(found.env.prompt).read_text() == "Answer these:\n{questions}\n"  # type: ignore[attr-defined]
    assert "Answer these:\n1. What is the first question?" in (folder / "README.md").read_text()


def test_the_card_says_prompt_tags_budgets_memory_scorer_data_and_scores(tmp_path: Path) -> None:
    source = {"type": "csv", "name": "facts", "train": "facts.csv"}
    settings = {"memory": {"type": "state", "budgets": {"state": 77}}, "scorer": {"type": "folding"}}
    _, folder = described(tmp_path, source=source, **settings)
    card = (folder / "README.md").read_text()
    for said in ("state = `77`", 'state = `"think"`', "`folding`", "`facts.csv`", "em 0.750", "seed 7", "## Recipe"):
        assert said in card, said
    assert card.startswith('---\nlibrary_name: "transformers"')
    assert "elsewhere" not in card


def test_what_is_no_exported_folder_is_refused_at_the_door(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no mem1\.json"):
        load(Recipe, tmp_path)
    for text in ("{", "[]", '{"step": 3}', '{"recipe": 1}'):
        (tmp_path / "mem1.json").write_text(text)
        with pytest.raises(ConfigError, match="recipe"):
            load(Recipe, tmp_path)


def test_a_note_from_somebody_else_names_no_file_outside_the_folder(tmp_path: Path) -> None:
    _, folder = described(tmp_path)
    note = json.loads((folder / "mem1.json").read_text())
    note["recipe"]["env"]["prompt"] = "<folder>/../../secret.txt"
    (folder / "mem1.json").write_text(json.dumps(note))
    assert Path(load(Recipe, folder).env.prompt).parent == folder  # type: ignore[attr-defined]
