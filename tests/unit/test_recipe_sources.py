"""Several sources in one recipe: mixed tasks, the passages of all, Parquet with the prompts, what can be answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1 import commands as recipes
from mem1.cli.main import main
from mem1.config import load
from mem1.envs.prompts import render_prompt
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.retrieval.base import Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.runtime.world import build_retriever, build_sources
from mem1.tasks.compose import make_task
from mem1.tasks.files.parquet import read_tasks
from mem1.types import Composition, Objective

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "qa"


def rows(path: Path, name: str, count: int, *, title: str | None = None) -> Path:
    lines = []
    for i in range(count):
        row: dict[str, Any] = {"id": f"{i}", "question": f"{name} {i}", "golden_answers": [f"{name}{i}" if i else ";"]}
        if title:
            row["metadata"] = {"context": [{"title": f"{title} {i}", "sentences": [f"about {name}{i}"]}]}
        lines.append(json.dumps(row))
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    nq, hotpot = rows(tmp_path / "nq.jsonl", "nq", 6), rows(tmp_path / "h.jsonl", "hop", 5, title="Page")
    path = tmp_path / "mixed.toml"
    path.write_text(
        f"""
[[sources]]
type = "qa_files"
name = "nq"
train = {json.dumps(str(nq))}

[[sources]]
type = "qa_files"
name = "hotpotqa"
train = {json.dumps(str(hotpot))}

[tasks]
composition = "mixed"
objectives = 4
count = 7
"""
    )
    return path


def test_each_mixed_task_draws_on_all_sources(recipe: Path) -> None:
    tasks = recipes.compose(recipe, ["seed=3"])
    assert len(tasks) == 7
    assert all(sorted(o.source for o in task.objectives) == ["hotpotqa"] * 2 + ["nq"] * 2 for task in tasks)
    assert tasks == recipes.compose(recipe, ["seed=3"])
    assert tasks != recipes.compose(recipe, ["seed=4"])


def test_published_composition(recipe: Path) -> None:
    """Consecutive groups of N inside one dataset, the remainder dropped, "?" appended, in the order of the files."""
    overrides = ["tasks.composition=parallel", "tasks.order=consecutive", "tasks.count=all", "tasks.objectives=2"]
    tasks = recipes.compose(recipe, overrides)
    assert [[o.question for o in task.objectives] for task in tasks] == [
        ["nq 0?", "nq 1?"],
        ["nq 2?", "nq 3?"],
        ["nq 4?", "nq 5?"],
        ["hop 0?", "hop 1?"],
        ["hop 2?", "hop 3?"],
    ]


def searched(recipe: Recipe) -> Retriever:
    return build_retriever(recipe, build_sources(recipe))


def test_the_passages_of_all_sources_are_searched(recipe: Path, tmp_path: Path) -> None:
    retriever = searched(load(Recipe, recipe))
    assert isinstance(retriever, Bm25Retriever)
    assert [p.title for p in retriever.passages] == [f"Page {i}" for i in range(5)]
    corpus = tmp_path / "c.jsonl"
    corpus.write_text('{"id": "0", "contents": "Own\\ntext"}')
    own = searched(load(Recipe, recipe, ["retriever.type=bm25", f"retriever.corpus={corpus}"]))
    assert isinstance(own, Bm25Retriever)
    assert [p.title for p in own.passages] == ["Own"]


def test_a_recipe_names_its_sources_once(recipe: Path) -> None:
    with pytest.raises(ConfigError, match="give either source or sources"):
        load(Recipe, recipe, ["source.type=qa_files", "source.name=x", "source.train=y"])
    text = recipe.read_text().replace('"hotpotqa"', '"nq"')
    recipe.write_text(text)
    with pytest.raises(ConfigError, match="two sources have the same name: nq, nq"):
        load(Recipe, recipe)


def test_questions_are_joined_as_in_published_data(tmp_path: Path) -> None:
    template = tmp_path / "prompt.txt"
    template.write_text("Answer the following questions: {questions}\n")
    objectives = [Objective(id=n, question=f"{n}?", answers=(n,), source="nq") for n in "ab"]
    task = make_task(objectives, Composition.PARALLEL, "train")
    assert render_prompt(template, task, joined=True) == "Answer the following questions: a?; b?\n"
    assert render_prompt(template, task) == "Answer the following questions: 1. a?\n2. b?\n"
    assert "\na?; b?\n" in render_prompt("instruct", task, joined=True)


def test_compose_writes_parquet_that_reads_back(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    template = tmp_path / "prompt.txt"
    template.write_text("Answer the following questions: {questions}\n")
    words = ["--env.prompt", str(template), "--env.joined", "true"]
    assert main(["compose", str(recipe), "--parquet", str(path), "--json", *words]) == 0
    assert json.loads(capsys.readouterr().out) == {"tasks": 7, "file": str(path)}
    tasks = read_tasks(path, "train")
    assert tasks == recipes.compose(recipe, [])
    first = pq.read_table(path).to_pylist()[0]["prompt"][0]["content"]
    assert first == f"Answer the following questions: {'; '.join(o.question for o in tasks[0].objectives)}\n"


def test_compose_tells_what_can_be_answered(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", str(recipe), "--coverage", "--json"]) == 0
    shown = {row["source"]: row for row in json.loads(capsys.readouterr().out)}
    assert shown["nq"] == {"source": "nq", "objectives": 6, "answerable": 5, "examples": ["nq/0"]}
    assert (shown["hotpotqa"]["objectives"], shown["hotpotqa"]["answerable"]) == (5, 4)


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_sixteen_objectives_mixed_over_four_datasets(tmp_path: Path) -> None:
    files = {"nq": "nq_test", "triviaqa": "triviaqa_test", "popqa": "popqa_test", "hotpotqa": "hotpotqa_dev_distractor"}
    recipe = tmp_path / "sixteen.toml"
    recipe.write_text(
        "".join(
            f'[[sources]]\ntype = "qa_files"\nname = "{name}"\ntrain = {json.dumps(str(REAL / file))}\n'
            for name, file in ((name, f"{file}.jsonl") for name, file in files.items())
        )
    )
    tasks = recipes.compose(recipe, ["tasks.composition=mixed", "tasks.objectives=16", "tasks.count=25"])
    for task in tasks:
        assert sorted(o.source for o in task.objectives) == sorted([*files] * 4)
    assert len({o.id for task in tasks for o in task.objectives}) == 400
