"""Parquet of other trainers: read where the meaning is plain, else refused by row; ours is scored by theirs."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.errors import ConfigError, DataError
from mem1.tasks.compose import make_task
from mem1.tasks.files.parquet import PEERS, ParquetSource, peer_name, read_tasks, write_tasks
from mem1.types import Composition, Objective, Task

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "parquet"
VERL = os.environ.get("MEM1_TEST_VERL")  # a folder into which verl was unpacked


def write(path: Path, *rows: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def row(**changes: Any) -> dict[str, Any]:
    return {
        "data_source": "nq",
        "prompt": [{"role": "user", "content": "Answer. Question: Who painted the barn?"}],
        "reward_model": {"style": "rule", "ground_truth": {"target": ["Ana"]}},
        **changes,
    }


def truth(value: Any) -> dict[str, Any]:
    return row(reward_model={"style": "rule", "ground_truth": value})


READ = {
    "a text": (truth("Ana"), ("Ana",)),
    "a list": (truth(["Ana", "Anna"]), ("Ana", "Anna")),
    "a text as target": (truth({"target": "Ana"}), ("Ana",)),
    "one list in a list": (truth({"target": [["Ana", "Anna"]]}), ("Ana", "Anna")),
    "JSON of all": (row(reward_model=json.dumps({"ground_truth": {"target": ["Ana"]}})), ("Ana",)),
    "JSON of the truth": (truth(json.dumps({"target": ["Ana"]})), ("Ana",)),
    "JSON of a list": (truth('["Ana", "Anna"]'), ("Ana", "Anna")),
    "a number": (truth({"target": [1945, 1946]}), ("1945", "1946")),
    "TriviaQA's": (truth({"value": "Ana", "aliases": ["Anna"]}), ("Ana", "Anna")),
    "a column of its own": (
        {**{k: v for k, v in row().items() if k != "reward_model"}, "ground_truth": "Ana"},
        ("Ana",),
    ),
    "a blank beside it": (truth({"target": ["", "Ana"]}), ("", "Ana")),
}


@pytest.mark.parametrize("name", READ)
def test_the_truth_is_read_in_the_forms_that_trainers_keep_it(tmp_path: Path, name: str) -> None:
    values, answers = READ[name]
    (task,) = read_tasks(write(tmp_path / "t.parquet", values), "test")
    assert [(o.question, o.answers) for o in task.objectives] == [("Who painted the barn?", answers)]


PROMPTS = {
    "a text": "Question: Who painted the barn?",
    "several messages": [
        {"role": "system", "content": "Question: no?"},
        {"role": "user", "content": "Question: Who painted the barn?"},
    ],
    "an answer begun": [
        {"role": "user", "content": "Question: Who painted the barn?"},
        {"role": "assistant", "content": "<think>"},
    ],
    "parts": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "Question: Who "}, {"type": "text", "text": "painted the barn?"}],
        }
    ],
}


@pytest.mark.parametrize("name", PROMPTS)
def test_prompts_are_read_in_the_forms_that_trainers_keep_them(tmp_path: Path, name: str) -> None:
    (task,) = read_tasks(write(tmp_path / "t.parquet", row(prompt=PROMPTS[name])), "test")
    assert task.objectives[0].question == "Who painted the barn?"


def test_a_question_of_its_own_counts_before_the_prompt(tmp_path: Path) -> None:
    (task,) = read_tasks(write(tmp_path / "t.parquet", row(extra_info={"question": "Who; what?"})), "test")
    assert task.objectives[0].question == "Who; what?"


REFUSED = {
    "blank": (truth({"target": [""]}), "without a text"),
    "blank of one question": (
        row(
            prompt=[{"role": "user", "content": "Questions: a?; b?"}],
            reward_model={"ground_truth": {"target": [["x"], [" "]]}},
        ),
        "without a text",
    ),
    "null": (truth(None), "must hold answers"),
    "null among them": (truth({"target": ["Ana", None]}), "must hold answers"),
    "bytes": (truth({"target": [b"Ana"]}), "must hold answers"),
    "an empty list": (truth({"target": []}), "must hold answers"),
    "truth and falsehood": (truth({"target": [True]}), "must hold answers"),
    "an image": (
        row(
            prompt=[
                {"role": "user", "content": [{"type": "image", "text": None}, {"type": "text", "text": "Question: a?"}]}
            ]
        ),
        "more than text",
    ),
    "no question": (row(prompt="who?"), "cannot find 1 questions"),
    "a question in bytes": (
        row(prompt=[{"role": "user", "content": b"Question: a?"}]),
        "must be a list with one message",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_plain_is_refused_with_its_row(tmp_path: Path, name: str) -> None:
    values, message = REFUSED[name]
    path = write(tmp_path / "t.parquet", values)
    with pytest.raises(DataError, match=message) as caught:
        read_tasks(path, "test")
    assert caught.value.where == f"{path}, row 0"


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("pq_title_with_colon", "who asks the question in Quiz Night: Final Round?"),
        ("pq_question_has_colon_question", "Which question: one or two?"),
        ("pq_question_has_semicolon", "Is it A?; B is what?"),
        ("pq_mem1_flat_two", "Who painted the barn?; Where is the lake?"),
        ("pq_gt_str", "Who painted the barn?"),
        ("pq_gt_list", "Who painted the barn?"),
        ("pq_json_reward", "Who painted the barn?"),
        ("pq_multimodal_content", "Who painted the barn?"),
        ("pq_chinese", "谁画了谷仓？"),
        ("pq_trailing", "Who painted the barn?"),
    ],
)
def test_the_cases_that_failed(name: str, question: str) -> None:
    (task,) = read_tasks(CASES / f"{name}.parquet", "test")
    assert [o.question for o in task.objectives] == [question]


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
def test_the_case_of_a_blank_target() -> None:
    with pytest.raises(DataError, match="without a text"):
        read_tasks(CASES / "pq_target_blank.parquet", "test")


# ---------------------------------------------------------------- what we write


def objective(name: str, source: str = "nq") -> Objective:
    return Objective(id=f"{source}/{name}", question=f"{name}?", answers=(name,), source=source)


def task(*objectives: Objective, composition: Composition = Composition.PARALLEL) -> Task:
    return make_task(objectives, composition, "train")


def prompt(task: Task) -> str:
    return "Answer the following questions: " + "; ".join(o.question for o in task.objectives)


def written(path: Path, *tasks: Task, data_source: str | None = None) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    write_tasks(path, tasks, prompt, data_source=data_source)
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found


@pytest.mark.parametrize("composition", [Composition.SEQUENTIAL, Composition.CHAINED])
@pytest.mark.parametrize("size", [1, 2])
def test_tasks_whose_prompt_holds_no_question_are_refused(tmp_path: Path, composition: Composition, size: int) -> None:
    path = tmp_path / "t.parquet"
    with pytest.raises(ConfigError, match=f"{composition.value} tasks ask one question after the other") as caught:
        write_tasks(path, [task(*map(objective, "ab"[:size]), composition=composition)], prompt)
    assert "reveal = 'upfront'" in str(caught.value.hint)
    assert not path.exists()


def test_the_data_source_names_a_reward_function_that_there_is(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    names = [*PEERS, "factbook"]
    singles = written(path, *(task(objective("a", name)) for name in names))
    assert [r["data_source"] for r in singles] == [*(f"searchR1_{name}" for name in PEERS), "searchR1_nq"]
    mixed = task(objective("a", "hotpotqa"), objective("b", "popqa"), composition=Composition.MIXED)
    pair = task(objective("a", "popqa"), objective("b", "popqa"))
    assert [r["data_source"] for r in written(path, mixed, pair)] == ["nq", "popqa"]
    assert [r["data_source"] for r in written(path, mixed, pair, data_source="mine")] == ["mine", "mine"]
    assert read_tasks(path, "train") == [mixed, pair]


def test_compose_takes_the_data_source(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    recipe = tmp_path / "r.toml"
    recipe.write_text("[tasks]\ncount = 2\nobjectives = 1\n")
    words = ["compose", str(recipe), "--parquet", str(tmp_path / "t.parquet")]
    assert main(words) == 0
    assert {r["data_source"] for r in pq.read_table(tmp_path / "t.parquet").to_pylist()} == {"searchR1_nq"}
    assert main([*words, "--data-source", "mine"]) == 0
    assert {r["data_source"] for r in pq.read_table(tmp_path / "t.parquet").to_pylist()} == {"mine"}
    assert main([*words, "--tasks.composition", "sequential"]) == ConfigError.exit_code
    assert main([*words, "--tasks.composition", "sequential", "--tasks.reveal", "upfront"]) == 0


def test_tasks_that_repeat_a_question_can_be_composed_from(tmp_path: Path) -> None:
    a, b = objective("a"), objective("b")
    write_tasks(tmp_path / "t.parquet", [task(a, b), task(b, a)], prompt)
    source = ParquetSource("p", {"train": tmp_path / "t.parquet"})
    assert [o.id for o in source.objectives("train")] == ["nq/a", "nq/b", "nq/b~2", "nq/a~2"]


@pytest.mark.skipif(VERL is None, reason="MEM1_TEST_VERL names no folder with verl in it")
def test_verls_own_reward_function_scores_what_we_write(tmp_path: Path) -> None:
    """verl's dispatch and exact match, unchanged; only the package around them, which needs Ray, is left out."""
    score = verls_score(Path(str(VERL)))
    for name in (*PEERS, "factbook"):
        (one,) = written(tmp_path / "t.parquet", task(objective("Ana", name)))
        truth = one["reward_model"]["ground_truth"]
        assert score(one["data_source"], "x <answer> the ana. </answer>", truth) == 1.0
        assert score(one["data_source"], "x <answer> Bob </answer>", truth) == 0.0
    with pytest.raises(NotImplementedError):
        score("nq+hotpotqa", "<answer>a</answer>", {"target": ["a"]})
    assert peer_name(task(objective("a")), single=True) == "searchR1_nq"


def verls_score(folder: Path) -> Any:
    stub = types.ModuleType("verl.utils.import_utils")
    stub.deprecated = lambda *_: lambda function: function  # type: ignore[attr-defined]
    sys.modules["verl.utils.import_utils"] = stub
    place = folder / "verl" / "utils" / "reward_score" / "__init__.py"
    spec = importlib.util.spec_from_file_location("verls", place, submodule_search_locations=[str(place.parent)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["verls"] = module
    spec.loader.exec_module(module)
    return module.default_compute_score
