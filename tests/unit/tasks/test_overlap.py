"""Files of two splits that hold the same questions are refused unless told; so are repeated tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.errors import DataError
from mem1.tasks.base import Split
from mem1.tasks.files.csv_files import CsvFiles
from mem1.tasks.files.hf_data import HfData
from mem1.tasks.files.parquet import ParquetSource
from mem1.tasks.files.qa_files import QaFiles
from mem1.tasks.overlap import check_overlap
from tests.unit.tasks.toys import Toy


def write(path: Path, *questions: str, first: int = 0) -> Path:
    rows = [
        {"id": f"q{i}", "question": question, "golden_answers": [f"a{i}"]}
        for i, question in enumerate(questions, start=first)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    train = write(tmp_path / "train.jsonl", "Who painted the red barn?", "Where is it?", "What now?")
    path = tmp_path / "r.toml"
    path.write_text(
        f"""
[source]
type = "qa_files"
name = "mine"
train = {json.dumps(str(train))}

[tasks]
objectives = 1
order = "consecutive"
count = "all"
"""
    )
    return path


@pytest.mark.parametrize(
    ("questions", "count"),
    [
        (
            ("Who painted the red barn?", "Where is it?", "What now?"),
            "share 3 of 3 and 3 questions; the splits are the same",
        ),
        (("Another?", "WHO PAINTED RED BARN"), "share 1 of 3 and 2 questions"),
        (("Another?", "who painted  the “red” barn？", "Where is it"), "share 2 of 3 and 3 questions"),
    ],
)
def test_two_splits_with_the_same_questions_are_refused_unless_told(
    recipe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], questions: tuple[str, ...], count: str
) -> None:
    test = write(tmp_path / "test.jsonl", *questions, first=7)
    for split in ("train", "test"):
        words = ["compose", str(recipe), "--source.test", str(test), "--set", f"split={split}"]
        assert main(words) == DataError.exit_code
        assert count in capsys.readouterr().err
        assert main([*words, "--tasks.overlap", "allow"]) == 0
        assert capsys.readouterr().out.count("\n") == (3 if split == "train" else len(questions))


def test_a_split_that_is_not_there_or_different_is_no_overlap(recipe: Path, tmp_path: Path) -> None:
    assert main(["compose", str(recipe), "--source.test", str(tmp_path / "none.jsonl")]) == 0
    other = write(tmp_path / "test.jsonl", "Who painted the blue barn?", "Where is it now?")
    assert main(["compose", str(recipe), "--source.test", str(other)]) == 0


def test_every_source_of_files_is_looked_at_and_across_sources_too(tmp_path: Path) -> None:
    from datasets import Dataset

    table = tmp_path / "q.csv"
    table.write_text("question,answers\nWhere is it?,a\n")
    Dataset.from_list([{"id": "1", "question": "Where is it", "golden_answers": ["a"]}]).save_to_disk(tmp_path / "d")
    lines = write(tmp_path / "q.jsonl", "where is it?")
    both: dict[Split, Path] = {"train": table, "test": table}
    with pytest.raises(DataError, match="the splits are the same"):
        check_overlap([CsvFiles("c", both)])
    with pytest.raises(DataError, match="share 1 of 1 and 1"):
        check_overlap([HfData("d", str(tmp_path / "d"), {"dev": "train", "test": "train"})])
    with pytest.raises(DataError, match="'train' and 'dev' share 1 of 1 and 1") as caught:
        check_overlap([QaFiles("q", {"train": lines}), HfData("d", str(tmp_path / "d"), {"dev": "train"})])
    assert caught.value.where == "objectives 'q/q0' and 'd/1'"
    check_overlap([QaFiles("q", {"train": lines}), CsvFiles("c", {"train": table})])  # one split: they may
    check_overlap([ParquetSource("p", {"train": tmp_path / "none", "test": tmp_path / "none"}), Toy(3)])


def test_compose_says_when_tasks_repeat_and_can_be_told_not_to(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["compose", str(recipe), "--tasks.order", "shuffled", "--tasks.count"]
    assert main([*words, "3"]) == 0
    assert "repeat" not in capsys.readouterr().err
    assert main([*words, "10"]) == 0
    captured = capsys.readouterr()
    assert "7 of 10 tasks repeat an earlier one (parallel, 1 objectives, split train)" in captured.err
    assert len({json.loads(line)["id"] for line in captured.out.splitlines()}) == 10
    assert main([*words, "10", "--tasks.repeat", "refuse"]) == DataError.exit_code
    assert "7 of 10 tasks repeat" in capsys.readouterr().err
    assert main([*words, "3", "--tasks.repeat", "refuse"]) == 0
