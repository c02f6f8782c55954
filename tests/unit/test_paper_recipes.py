"""The recipes of the paper's experiment: accepted by the program, whole, and open about whose choice each key is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from mem1.config import load
from mem1.envs.qa import QaEnvConfig
from mem1.recipe import Recipe
from mem1.train.advantages.ppo import Ppo
from mem1.types import Composition, Task

FOLDER = Path(__file__).parents[2] / "recipes" / "paper"
PATHS = sorted(FOLDER.glob("*.toml"))
EXPERIMENTS = [path for path in PATHS if path.stem.startswith("qwen")]
UNMARKED = {"name", "type", "extends"}  # names, which part of a kind, and what a recipe is laid on


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_recipe_parses_and_explains_itself(path: Path) -> None:
    assert load(Recipe, path).name == path.stem
    assert path.read_text(encoding="utf-8").startswith("# ")


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_key_says_whose_it_is(path: Path) -> None:
    keys = [line for line in path.read_text(encoding="utf-8").splitlines() if re.match(r"[a-z_0-9]+ = ", line)]
    assert len(keys) >= 5
    unmarked = [line for line in keys if not re.search(r"# (paper|ours|yours)\b", line)]
    assert [line for line in unmarked if line.partition(" ")[0] not in UNMARKED] == []


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_published_settings_are_stated(path: Path) -> None:
    """Method section 1 and 3, word for word."""
    recipe = load(Recipe, path)
    train, algorithm = recipe.train, recipe.train.algorithm
    assert isinstance(algorithm, Ppo)
    assert (algorithm.gamma, algorithm.lam, algorithm.critic_lr, algorithm.critic) == (1.0, 1.0, 1e-5, "separate")
    assert (train.optimizer.lr, train.clip_low, train.clip_high) == (1e-6, 0.2, 0.2)
    assert (train.kl.coef, train.kl.where) == (0.001, "reward")
    assert (train.steps, train.tasks_per_step * train.group_size) in {(500, 64), (500, 128)}
    assert (recipe.tasks.composition, recipe.tasks.objectives, recipe.tasks.order) == (
        Composition.PARALLEL,
        2,
        "consecutive",
    )
    assert isinstance(recipe.env, QaEnvConfig)
    assert recipe.env.max_turns == "published"
    budgets = recipe.memory.budgets
    assert (budgets.state + budgets.action, budgets.observation) == (1000, 1000)
    assert recipe.engine.max_context is not None
    assert recipe.engine.max_context >= 4096 + 2 * 1000 + 1000
    assert (recipe.scorer.type, recipe.reward) == ("mem1-released", "em")
    assert recipe.evaluate.horizons == (1, 2, 3, 4, 6, 8, 16)
    assert (recipe.evaluate.order, recipe.evaluate.session_objectives) == ("consecutive", 0)
    assert [getattr(source, "name", "") for source in recipe.sources] == [
        *("nq", "hotpotqa", "triviaqa", "popqa", "2wikimultihopqa", "musique", "bamboogle")
    ]


def test_the_experiments_differ_only_where_memory_wants_it() -> None:
    values = [{key: str(value) for key, value in load(Recipe, path)} for path in EXPERIMENTS]
    differing = {key for one in values for key in one if one[key] != values[0][key]}
    assert differing == {"name", "model", "engine", "train", "evaluate"}


def test_the_recipe_composes_two_neighbours_of_one_data_set(tmp_path: Path) -> None:
    """With five questions a data set: two groups each, the remainder dropped, 4 tasks in a seeded order."""
    from mem1 import commands as recipes

    overrides = []
    for name in ("nq", "hotpotqa"):
        file = tmp_path / f"{name}.jsonl"
        rows = ({"id": f"train_{i}", "question": f"{name} {i}", "golden_answers": ["a"]} for i in range(5))
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        overrides.append(f'{{type = "qa_files", name = "{name}", train = "{file}"}}')
    path = next(path for path in EXPERIMENTS if "7b" in path.stem)
    tasks: list[Task] = recipes.compose(path, [f"sources=[{', '.join(overrides)}]"])
    questions = {tuple(o.question for o in task.objectives) for task in tasks}
    assert questions == {
        ("nq 0?", "nq 1?"),
        ("nq 2?", "nq 3?"),
        ("hotpotqa 0?", "hotpotqa 1?"),
        ("hotpotqa 2?", "hotpotqa 3?"),
    }


def test_there_are_recipes() -> None:
    assert {path.stem for path in PATHS} == {
        *("qwen2.5-7b", "qwen2.5-1.5b", "qwen2.5-0.5b", "wiki18-e5", "wiki18-bm25", "web", "web-recorded", "webshop")
    }
    kinds = {load(Recipe, path).retriever.type for path in PATHS if not path.stem.startswith("web")}
    assert kinds == {"remote", "dense", "bm25_disk"}
