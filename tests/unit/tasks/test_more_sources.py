"""Questions from CSV, Parquet and Hugging Face datasets, and the paragraphs that HotpotQA's rows carry."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError, DataError
from mem1.retrieval.base import Passage
from mem1.tasks.base import Source
from mem1.tasks.compose import compose, make_task
from mem1.tasks.config import CsvFilesConfig, HfDataConfig, ParquetConfig
from mem1.tasks.coverage import coverage, givable
from mem1.tasks.files.csv_files import CsvFiles
from mem1.tasks.files.hf_data import HfData
from mem1.tasks.files.parquet import ParquetSource, read_tasks, write_tasks
from mem1.tasks.files.qa_files import QaFiles
from mem1.tasks.files.qa_rows import Columns
from mem1.types import Composition, Objective, Task

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "qa"


# ---------------------------------------------------------------- CSV


def table(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "q.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_table_becomes_objectives(tmp_path: Path) -> None:
    path = table(tmp_path, 'question,answers,level\n"Who, then? ",Ann | Anna,hard\nWhere?,"Lima, Peru",\n')
    source = CsvFiles("mine", {"test": path})
    assert isinstance(source, Source)
    assert list(source.objectives("dev")) == []
    assert list(source.objectives("test")) == [
        Objective(
            id="mine/0", question="Who, then?", answers=("Ann", "Anna"), source="mine", metadata={"level": "hard"}
        ),
        Objective(id="mine/1", question="Where?", answers=("Lima, Peru",), source="mine", metadata={"level": ""}),
    ]


def test_columns_are_named_in_the_recipe(tmp_path: Path) -> None:
    path = table(tmp_path, "\ufeffq;key;a1;a2\nWho?;k7;x|y;\nWhere?;k8;;z\n")
    data = {"type": "csv", "name": "m", "dev": str(path), "question": "q", "answers": ["a1", "a2"], "id": "key"}
    source = build(CsvFilesConfig, {**data, "delimiter": ";", "between": ""}, where="test").build()
    assert [(o.id, o.answers) for o in source.objectives("dev")] == [("m/k7", ("x|y",)), ("m/k8", ("z",))]


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("question,answer\nq?,a\n", "no column 'answers'; there are 'question', 'answer'", ", line 1"),
        ("", "no column 'question'; there are none", ", line 1"),
        ("question,answers\n", "no rows", ""),
        ("question,answers\nq?,a\n\nq?,a,b\n", "3 cells in a table of 2 columns", ", line 4"),
        ("question,answers\nq?,a\n  ,a\n", "'question' is blank", ", line 3"),
        ('question,answers\n"two\nlines?",a\nq?, | \n', "holds no text", ", line 4"),
        ('question,answers\n"q?,a\n', "cannot read the table", ""),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, message: str, line: str) -> None:
    path = table(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        CsvFiles("m", {"test": path}).objectives("test")
    assert caught.value.where == f"{path}{line}"
    with pytest.raises(DataError, match="table is missing"):
        CsvFiles("m", {"test": tmp_path / "none.csv"}).objectives("test")


def test_an_id_that_is_used_twice(tmp_path: Path) -> None:
    path = table(tmp_path, "question,answers,id\nq?,a,7\nr?,a,7\n")
    with pytest.raises(DataError, match="the id '7' is used twice") as caught:
        CsvFiles("m", {"test": path}, id_column="id").objectives("test")
    assert caught.value.where == f"{path}, line 3"


# ---------------------------------------------------------------- Parquet


def objective(name: str, *answers: str, **more: Any) -> Objective:
    return Objective(id=f"nq/{name}", question=f"{name}?", answers=answers or (name,), source="nq", **more)


def prompt(task: Task) -> str:
    return "Answer these questions: " + "; ".join(o.question for o in task.objectives)


def test_tasks_come_back_as_they_were(tmp_path: Path) -> None:
    tasks = [
        make_task([objective("a", "1", "one"), objective("b", metadata={"level": 3})], Composition.PARALLEL, "train"),
        make_task([objective("c"), objective("d", standalone="d of c?")], Composition.CHAINED, "train", "upfront"),
    ]
    write_tasks(tmp_path / "t.parquet", tasks, prompt)
    assert read_tasks(tmp_path / "t.parquet", "train") == tasks


def test_what_trainers_of_others_read(tmp_path: Path) -> None:
    """The columns of Search-R1 and MEM1, as their reward functions index them."""
    import pyarrow.parquet as pq

    pair = make_task([objective("a", "1", "one"), objective("b")], Composition.PARALLEL, "train")
    write_tasks(tmp_path / "two.parquet", [pair], prompt)
    (row,) = pq.read_table(tmp_path / "two.parquet").to_pylist()
    assert row["data_source"] == "nq"
    assert row["prompt"] == [{"role": "user", "content": "Answer these questions: a?; b?"}]
    assert row["reward_model"]["ground_truth"]["target"] == [["1", "one"], ["b"]]
    assert (row["extra_info"]["index"], row["extra_info"]["split"]) == (0, "train")
    write_tasks(
        tmp_path / "one.parquet", [make_task([objective("a", "1", "one")], Composition.PARALLEL, "test")], prompt
    )
    (row,) = pq.read_table(tmp_path / "one.parquet").to_pylist()
    assert row["reward_model"]["ground_truth"]["target"] == ["1", "one"]


def theirs(tmp_path: Path, *rows: dict[str, Any]) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "theirs.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path


def row(content: str, target: Any, **more: Any) -> dict[str, Any]:
    return {
        "data_source": "nq",
        "prompt": [{"role": "user", "content": content}],
        "ability": "fact-reasoning",
        "reward_model": {"ground_truth": {"target": target}, "style": "rule"},
        "extra_info": {"index": 0, "split": "test"},
        **more,
    }


INSTRUCTIONS = "You answer questions. Write <answer> a1; a2 </answer>. For one question: give one.\n"


def test_files_of_others(tmp_path: Path) -> None:
    """MEM1 joins questions in the prompt; Search-R1 keeps the question's own column beside the prompt."""
    path = theirs(
        tmp_path,
        row(f"{INSTRUCTIONS}Answer the following questions: who was x; y or z?; where?\n", [["a", "b"], ["c"]]),
        row(f"{INSTRUCTIONS}Answer the following questions: p?; q?\n\nBegin.", [["d"], ["e"]]),
    )
    tasks = read_tasks(path, "test")
    assert [[(o.id, o.question, o.answers) for o in task.objectives] for task in tasks] == [
        [("nq/0.0", "who was x; y or z?", ("a", "b")), ("nq/0.1", "where?", ("c",))],
        [("nq/1.0", "p?", ("d",)), ("nq/1.1", "q?", ("e",))],
    ]
    assert {(task.composition, task.reveal, task.split) for task in tasks} == {
        (Composition.PARALLEL, "upfront", "test")
    }
    single = theirs(tmp_path, row("Think first. Question: ignored?\n", ["a", "b"], question="who wrote it?"))
    (task,) = read_tasks(single, "train")
    assert [(o.id, o.question, o.answers) for o in task.objectives] == [("nq/0", "who wrote it?", ("a", "b"))]
    (task,) = read_tasks(theirs(tmp_path, row("Think first. Question: who?\n", ["a"])), "train")
    assert task.objectives[0].question == "who?"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("Questions: a?; b?", [["x"], ["y"], ["z"]]), "cannot find 3 questions"),
        (row("no such mark a?", ["x"]), "cannot find 1 questions"),
        (row("Question: a?", ["x"], prompt="Question: "), "cannot find 1"),
        (row("Question: a?", []), "'reward_model.ground_truth.target' must hold answers"),
        (row("Question: a?", ["x"], data_source=None), "'data_source' must be text"),
        (row("Question: a?", ["x"], reward_model=None), "must hold answers, got 'None'"),
        (row("Question: a?", ["x"], prompt=None), "'prompt' must be a list"),
    ],
)
def test_a_bad_parquet_row_is_named(tmp_path: Path, bad: dict[str, Any], message: str) -> None:
    path = theirs(tmp_path, bad)
    with pytest.raises(DataError, match=message) as caught:
        read_tasks(path, "test")
    assert caught.value.where == f"{path}, row 0"


def test_bad_parquet_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Parquet file is missing"):
        read_tasks(tmp_path / "none.parquet", "test")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="cannot read the Parquet file"):
        read_tasks(tmp_path / "x.parquet", "test")


def test_consecutive_tasks_of_the_source_are_the_files_own(tmp_path: Path) -> None:
    tasks = [make_task([objective(n), objective(n + n)], Composition.PARALLEL, "train") for n in "abc"]
    write_tasks(tmp_path / "t.parquet", tasks, prompt)
    source = build(ParquetConfig, {"name": "p", "train": str(tmp_path / "t.parquet")}, where="test").build()
    assert isinstance(source, ParquetSource)
    again = compose(
        [source],
        composition=Composition.PARALLEL,
        objectives=2,
        count=None,
        seed=0,
        split="train",
        order="consecutive",
    )
    assert again == tasks
    assert list(source.objectives("test")) == []


# ---------------------------------------------------------------- datasets


ROWS = [
    {"id": "r0", "question": "Who?", "golden_answers": ["a", "b"], "metadata": {"level": "easy"}},
    {"id": "r1", "question": "Where?", "golden_answers": ["c"], "metadata": {"level": "hard"}},
]


def saved(tmp_path: Path) -> str:
    from datasets import Dataset, DatasetDict

    DatasetDict({"validation": Dataset.from_list(ROWS)}).save_to_disk(tmp_path / "saved")
    return str(tmp_path / "saved")


def data_files(tmp_path: Path) -> str:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return str(tmp_path / "files")


@pytest.mark.parametrize("make", [saved, data_files])
def test_a_dataset_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], str]) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    source = build(HfDataConfig, {"name": "d", "path": make(tmp_path), "dev": "validation"}, where="test").build()
    assert isinstance(source, Source)
    assert [(o.id, o.question, o.answers, o.metadata) for o in source.objectives("dev")] == [
        ("d/r0", "Who?", ("a", "b"), {"level": "easy"}),
        ("d/r1", "Where?", ("c",), {"level": "hard"}),
    ]
    assert list(source.objectives("test")) == []


def test_other_columns_and_bad_rows_of_a_dataset(tmp_path: Path) -> None:
    from datasets import Dataset

    folder = str(tmp_path / "d")
    Dataset.from_list([{"text": "Who?", "answer": "a"}, {"text": "Where?", "answer": " "}]).save_to_disk(folder)
    columns = Columns(id=None, question="text", answers="answer")
    with pytest.raises(DataError, match="'answer' holds no text") as caught:
        HfData("d", folder, {"test": "train"}, columns=columns).objectives("test")
    assert caught.value.where == f"{folder}, split 'train', row 1"
    with pytest.raises(DataError, match="'question' must be text, got None"):
        HfData("d", folder, {"test": "train"}).objectives("test")
    Dataset.from_list([{"text": "Who?", "answer": "a"}]).save_to_disk(tmp_path / "e")
    (only,) = HfData("e", str(tmp_path / "e"), {"test": "train"}, columns=columns).objectives("test")
    assert (only.id, only.answers) == ("e/0", ("a",))


def test_a_dataset_that_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no split 'train'; there are validation"):
        HfData("d", saved(tmp_path), {"train": "train"}).objectives("train")
    with pytest.raises(DataError, match="cannot load the dataset") as caught:
        HfData("d", str(tmp_path / "nothing"), {"test": "test"}).objectives("test")
    assert "needs a network" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="at least one of train, dev and test"):
        build(HfDataConfig, {"name": "d", "path": "x"}, where="test")


# ---------------------------------------------------------------- paragraphs

CONTEXTS: dict[str, Any] = {
    "objects": [{"title": "A", "sentences": ["One.", " Two."]}, {"title": "B", "sentences": ["Three."]}],
    "pairs": [["A", ["One.", " Two."]], ["B", "Three."]],
    "columns": {"title": ["A", "B"], "sentences": [["One.", " Two."], ["Three."]]},
    "FlashRAG's": {"title": ["A", "B"], "content": [["One.", " Two."], ["Three."]]},
}


def with_context(tmp_path: Path, *contexts: Any) -> QaFiles:
    path = tmp_path / "q.jsonl"
    rows = [
        {"id": str(i), "question": "q?", "golden_answers": ["a"], "metadata": {"level": "hard", "context": context}}
        for i, context in enumerate(contexts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return QaFiles("hotpotqa", {"dev": path})


@pytest.mark.parametrize("context", CONTEXTS.values(), ids=CONTEXTS)
def test_paragraphs_become_passages_and_leave_the_metadata(tmp_path: Path, context: Any) -> None:
    source = with_context(tmp_path, context)
    assert source.passages == (
        Passage(id="hotpotqa/A", title="A", text="One. Two."),
        Passage(id="hotpotqa/B", title="B", text="Three."),
    )
    assert source.objectives("dev")[0].metadata == {"level": "hard"}


def test_a_paragraph_that_comes_again_is_one_passage(tmp_path: Path) -> None:
    source = with_context(tmp_path, [["A", "x"], ["B", "y"]], [["A", "x"], ["A", "z"]])
    assert [(p.id, p.text) for p in source.passages] == [
        ("hotpotqa/A", "x"),
        ("hotpotqa/B", "y"),
        ("hotpotqa/A#2", "z"),
    ]


@pytest.mark.parametrize("context", [5, [["A"]], [{"title": "A"}], {"title": ["A"], "sentences": []}, [[1, "x"]]])
def test_a_bad_context_is_named(tmp_path: Path, context: Any) -> None:
    with pytest.raises(DataError, match=r"'metadata\.context' must be a list of") as caught:
        assert with_context(tmp_path, context).passages
    assert str(caught.value.where).endswith("line 1")


# ---------------------------------------------------------------- coverage


def test_answers_that_can_be_given() -> None:
    rows = [objective("a", "x; y", "z"), objective("b", "x; y"), objective("c", "the", "?!")]
    other = Objective(id="pop/1", question="q?", answers=("v",), source="pop")
    assert [givable(row) for row in rows] == [("z",), (), ()]
    assert [tuple(row) for row in coverage([*rows, other, rows[0]])] == [
        ("nq", 3, 1, ("nq/b", "nq/c")),
        ("pop", 1, 1, ()),
    ]


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_published_rows_can_be_answered_but_for_two_and_hotpotqas_paragraphs_are_passages() -> None:
    names = ("nq", "triviaqa", "popqa", "bamboogle")
    sources = [QaFiles(name, {"test": REAL / f"{name}_test.jsonl"}) for name in names]
    hotpot = QaFiles("hotpotqa", {"test": REAL / "hotpotqa_dev_distractor.jsonl"})
    rows = coverage(o for source in (*sources, hotpot) for o in source.objectives("test"))
    assert [tuple(row) for row in rows] == [
        ("nq", 707, 705, ("nq/test_1420", "nq/test_664")),  # whose only answers are "---" and ")"
        ("triviaqa", 708, 708, ()),
        ("popqa", 705, 705, ()),
        ("bamboogle", 82, 82, ()),
        ("hotpotqa", 100, 100, ()),
    ]
    passages = {p.title: p for p in hotpot.passages}
    assert "Tim Burton" in passages["Ed Wood (film)"].text
    assert 900 < len(hotpot.passages) <= 1000
    assert all("context" not in o.metadata for o in hotpot.objectives("test"))
