"""Questions in the odd forms that people have: read where the meaning is plain, else refused by line and field."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.errors import DataError
from mem1.rewards.standard import StandardScorer, split_answers
from mem1.tasks.compose import make_task
from mem1.tasks.files.answers import answers_of, listed
from mem1.tasks.files.csv_files import CsvFiles
from mem1.tasks.files.hf_data import HfData
from mem1.tasks.files.qa_files import QaFiles
from mem1.tasks.files.qa_rows import Columns
from mem1.types import Composition, Task

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases"
needs_cases = pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")


@pytest.mark.parametrize(
    ("value", "answers"),
    [
        (["Ana", "Anna"], ("Ana", "Anna")),
        ({"text": ["Ana", "Ana", "Anna"], "answer_start": [0, 9, 4]}, ("Ana", "Anna")),
        ({"text": "Ana", "answer_start": 0}, ("Ana",)),
        ({"value": "Ana", "aliases": ["Anna", "Ana"], "normalized_value": "ana"}, ("Ana", "Anna")),
        ({"value": "Ana"}, ("Ana",)),
        ([{"answer": "Ana", "provenance": []}, {"answer": "Anna"}], ("Ana", "Anna")),
        ([{"text": "Ana"}], ("Ana",)),
        ({"text": [], "answer_start": []}, ()),
        ({"value": "Ana", "aliases": "Anna"}, None),
        ({"value": None, "aliases": ["Ana"]}, None),
        ([{"provenance": []}], None),
        (["Ana", 5], None),
        (["Ana", None], None),
        ([b"Ana"], None),
        ([["Ana"]], None),
        (None, None),
        ({}, None),
        (5, None),
    ],
)
def test_the_structs_of_datasets(value: Any, answers: tuple[str, ...] | None) -> None:
    assert answers_of(value) == answers


@pytest.mark.parametrize(
    ("cell", "answers"),
    [
        ('["Ana", "Anna"]', ("Ana", "Anna")),
        ("['Ana', 'Anna']", ("Ana", "Anna")),
        ("['Ana', \"An'na\"]", ("Ana", "An'na")),
        ("[1945, 1946]", ("1945", "1946")),
        ("['Ana' 'Anna']", None),  # NumPy's: Python would read AnaAnna
        ("['Ana'\n 'Anna']", None),
        ("['Ana', None]", None),
        ("['Ana', 5]", None),
        ("[Ana, Anna]", None),
        ("[]", None),
        ("array(['Ana'], dtype=object)", None),
        ("['Ana'", None),
        ("[" * 3000 + "]" * 3000, None),
        ("[__import__('os').getcwd()]", None),
    ],
)
def test_lists_in_cells(tmp_path: Path, cell: str, answers: tuple[str, ...] | None) -> None:
    assert listed(cell) == answers
    path = tmp_path / "q.csv"
    quoted = cell.replace('"', '""')
    path.write_text(f'question,answers\nWho?,"{quoted}"\n')
    source = CsvFiles("c", {"test": path})
    if answers is not None:
        assert source.objectives("test")[0].answers == answers
    elif cell != "['Ana'":
        with pytest.raises(DataError, match="'answers' looks like a list but is not a list of texts") as caught:
            source.objectives("test")
        assert str(path) in str(caught.value.where)
    assert CsvFiles("c", {"test": path}, between=None).objectives("test")[0].answers == (cell,)


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"question,answers,answers\nWho?,Ana,Bob\n", "the column 'answers' stands twice", 1),
        (b"question,answers,note,note\nWho?,Ana,,\n", "the column 'note' stands twice", 1),
        (b"question,answers,,\nWho?,Ana,,\n", "the column '' stands twice", 1),
        (b"question,question,answers\nWho?,What?,Ana\n", "the column 'question' stands twice", 1),
        ("question,answers\nWho?,Ana\nCafé?,x\n".encode("latin-1"), "most likely Latin-1", 3),
        ("question,answers\nWho?,Ana\n".encode("utf-16"), "not UTF-8 but UTF-16", 1),
        (b"question,answers\nWho?,Ana \xed\xa0\x80\n", "not UTF-8", 2),
    ],
)
def test_odd_tables_are_refused_with_their_line(tmp_path: Path, data: bytes, message: str, line: int) -> None:
    path = tmp_path / "q.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        CsvFiles("c", {"test": path}).objectives("test")
    assert caught.value.where == f"{path}, line {line}"


ROW: dict[str, Any] = {"id": "q1", "question": "Who?", "golden_answers": ["Ana"]}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (r'{"id": "q2", "question": "What \ud83d?", "golden_answers": ["a"]}', "question: the text holds half"),
        (
            r'{"id": "q2", "question": "B?", "golden_answers": ["a", "\udc00"]}',
            r"golden_answers\[1\]: the text holds half",
        ),
        (r'{"id": "\ud83d", "question": "B?", "golden_answers": ["a"]}', "id: the text holds half"),
        (
            r'{"id": "q2", "question": "B?", "golden_answers": ["a"], "metadata": {"\ud83d": 1}}',
            "metadata: an object's na",
        ),
        (
            '{"id": "q2", "question": "B?", "golden_answers": ["a"], "metadata": {"score": NaN}}',
            "metadata.score: the number",
        ),
        (
            '{"id": "q2", "question": "B?", "golden_answers": ["a"], "metadata": {"s": [1, -1e999]}}',
            r"metadata.s\[1\]: the nu",
        ),
        (
            '{"id": "q2", "question": "B?", "golden_answers": ["a"], "question": "C?"}',
            "the name 'question' stands twice",
        ),
        ('{"id": "q2", "question": null, "golden_answers": ["a"]}', "'question' must be text, got None"),
        ('{"id": "q2", "question": ["B?"], "golden_answers": ["a"]}', "'question' must be text"),
        (
            '{"id": "q2", "question": "B?", "golden_answers": null}',
            "'golden_answers' must be a list of texts, got None",
        ),
        (
            '{"id": "q2", "question": "B?", "golden_answers": ["a", 5, null]}',
            "'golden_answers' must be a list of texts",
        ),
        ('{"id": null, "question": "B?", "golden_answers": ["a"]}', "'id' must be text or a whole number, got None"),
        ('{"id": 2.0, "question": "B?", "golden_answers": ["a"]}', "'id' must be text or a whole number, got 2.0"),
        ('{"id": "q2", "question": "B?", "golden_answers": ["", " "]}', "'golden_answers' holds no text"),
    ],
)
def test_odd_rows_are_refused_with_their_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(f"{json.dumps(ROW)}\n{row}\n")
    with pytest.raises(DataError, match=message) as caught:
        QaFiles("q", {"test": path}).objectives("test")
    assert caught.value.where == f"{path}, line 2"


def test_what_is_accepted_can_be_written_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    deep: Any = "end"
    for _ in range(90):
        deep = {"in": [deep]} if isinstance(deep, str) else [deep]
    rows = [
        ROW | {"metadata": {"deep": deep, "big": 10**40, "small": 5e-324, "text": "\x00\u2028\ufeff😀"}},
        ROW | {"id": "q2", "question": "Who; what: then?\n\n", "golden_answers": ["<answer>", "a\tb"]},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = make_task(QaFiles("q", {"test": path}).objectives("test"), Composition.PARALLEL, "test")
    assert Task.model_validate_json(task.model_dump_json()) == task


# ---------------------------------------------------------------- datasets


def saved(folder: Path, rows: list[dict[str, Any]], form: str | None = None) -> HfData:
    from datasets import Dataset

    dataset = Dataset.from_list(rows)
    (dataset.with_format(form) if form else dataset).save_to_disk(folder / "d")
    return HfData("d", str(folder / "d"), {"test": "train"})


@pytest.mark.parametrize("form", ["numpy", "pandas", "arrow", "torch", None])
def test_a_dataset_is_read_whatever_format_it_was_saved_with(tmp_path: Path, form: str | None) -> None:
    (only,) = saved(tmp_path, [ROW], form).objectives("test")
    assert (only.question, only.answers) == ("Who?", ("Ana",))


def test_dates_are_texts_and_columns_that_are_not_read_are_no_matter(tmp_path: Path) -> None:
    about = {"when": datetime(2020, 1, 1, tzinfo=UTC), "day": date(2020, 1, 2), "list": [{"day": date(2020, 1, 3)}]}
    (only,) = saved(tmp_path, [ROW | {"metadata": about, "image": b"\xff"}]).objectives("test")
    assert only.metadata["day"] == "2020-01-02"
    assert only.metadata["when"].startswith("2020-01-01T00:00")
    assert only.metadata["list"] == [{"day": "2020-01-03"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metadata": {"b": b"\xff"}}, "metadata.b: holds a value of type bytes"),
        ({"metadata": {"n": float("nan")}}, "metadata.n: the number nan is not finite"),
        ({"golden_answers": [b"Ana"]}, "'golden_answers' must be a list of texts"),
        ({"question": b"Who?"}, "'question' must be text"),
        ({"golden_answers": None}, "'golden_answers' must be a list of texts, got None"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        saved(tmp_path, [ROW | changes]).objectives("test")
    assert "row 0" in str(caught.value.where)


def test_lists_kept_as_texts_are_lists(tmp_path: Path) -> None:
    (only,) = saved(tmp_path, [ROW | {"golden_answers": '["Ana", "Anna"]'}]).objectives("test")
    assert only.answers == ("Ana", "Anna")


@needs_cases
@pytest.mark.parametrize("name", ["answers", "golden_answers"])
def test_the_cases_of_datasets_with_structs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    squad = HfData("s", str(CASES / "datasets" / "hf_squad"), {"test": "test"}, columns=Columns(answers=name))
    assert [o.answers for o in squad.objectives("test")] == [("Ana",)]
    theirs = {"answers": "answer"}.get(name, name)
    trivia = HfData("t", str(CASES / "datasets" / "hf_trivia"), {"test": "test"}, columns=Columns(answers=theirs))
    assert [o.answers for o in trivia.objectives("test")] == [("Ana", "Anna")]


@needs_cases
def test_the_cases_of_datasets_on_disk() -> None:
    numpys = HfData("n", str(CASES / "datasets" / "hf_disk_np"), {"test": "train"})
    assert [o.answers for o in numpys.objectives("test")] == [("Ana",)]
    with pytest.raises(DataError, match=r"metadata\.b: holds a value of type bytes"):
        HfData("b", str(CASES / "datasets" / "hf_disk"), {"test": "train"}).objectives("test")


# ---------------------------------------------------------------- the cases of questions and tables, by the command


def composed(tmp_path: Path, kind: str, name: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[Task], str]:
    recipe = tmp_path / "qa.toml"
    recipe.write_text(
        f'split = "test"\n[source]\ntype = "{kind}"\nname = "mine"\ntest = {json.dumps(str(CASES / name))}\n'
        '[tasks]\nobjectives = 1\norder = "consecutive"\ncount = "all"\n'
    )
    code = main(["compose", str(recipe)])
    captured = capsys.readouterr()
    return code, [Task.model_validate_json(line) for line in captured.out.splitlines()], captured.err


@needs_cases
@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("qa_files", "questions/surrogate.jsonl", "surrogate.jsonl, line 1"),
        ("qa_files", "questions/deep.jsonl", "deep.jsonl, line 1"),
        ("qa_files", "questions/nan.jsonl", "nan.jsonl, line 2"),
        ("csv", "csv/csv_dup_header.csv", "csv_dup_header.csv, line 1"),
    ],
)
def test_the_cases_that_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, name: str, message: str
) -> None:
    code, tasks, said = composed(tmp_path, kind, name, capsys)
    assert (code, tasks) == (DataError.exit_code, [])
    assert message in said.replace("\n", "")


@needs_cases
@pytest.mark.parametrize(
    ("kind", "name", "question", "answers"),
    [
        ("qa_files", "questions/zh.jsonl", "这座湖在哪里？", ("奥斯陆",)),
        ("qa_files", "questions/ar.jsonl", "أين تقع البحيرة؟", ("أوسلو",)),
        ("qa_files", "questions/semicolon_question.jsonl", "Which is it; the lake or the sea?", ("Oslo",)),
        ("csv", "csv/csv_list_answer.csv", "Who?", ("Ana", "Anna")),
    ],
)
def test_the_cases_that_are_read(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    name: str,
    question: str,
    answers: tuple[str, ...],
) -> None:
    code, tasks, _ = composed(tmp_path, kind, name, capsys)
    assert code == 0
    assert (tasks[-1].objectives[0].question, tasks[-1].objectives[0].answers) == (question, answers)


@needs_cases
def test_the_cases_of_scoring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scorer = StandardScorer()
    task = composed(tmp_path, "qa_files", "questions/semicolon_answer.jsonl", capsys)[1][-1]
    given, extra = split_answers("Smith; Jones", task.size)
    assert scorer(task, given, extra_answers=extra).metrics["em"] == (1.0,)
    blank = composed(tmp_path, "qa_files", "questions/blank_in_golden.jsonl", capsys)[1][-1]
    assert scorer(blank, ("The",)).metrics["em"] == (0.0,)
    assert scorer(blank, ("Oslo",)).metrics["em"] == (1.0,)
