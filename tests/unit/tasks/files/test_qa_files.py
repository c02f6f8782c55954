"""FlashRAG files as a source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import DataError
from mem1.tasks.base import Source
from mem1.tasks.compose import check_disjoint, compose
from mem1.tasks.files.qa_files import QaFiles
from mem1.types import Composition, Objective

REAL = Path(__file__).resolve().parents[5] / "shared" / "data" / "qa"
ROW = {"id": "test_0", "question": "Who? ", "golden_answers": ["a", "b"], "metadata": {"level": "hard"}}


def source(tmp_path: Path, *rows: dict[str, Any]) -> QaFiles:
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return QaFiles("nq", {"test": path})


def test_a_row_becomes_an_objective(tmp_path: Path) -> None:
    nq = source(tmp_path, ROW)
    expected = Objective(id="nq/test_0", question="Who?", answers=("a", "b"), source="nq", metadata={"level": "hard"})
    assert list(nq.objectives("test")) == [expected]
    assert list(nq.objectives("train")) == []
    assert isinstance(nq, Source)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question": None}, "'question' must be text, got None"),
        ({"question": "  "}, "'question' is blank"),
        ({"golden_answers": []}, "holds no text"),
        ({"golden_answers": [" "]}, "holds no text"),
        ({"golden_answers": "a"}, "must be a list of texts, got 'a'"),
        ({"golden_answers": [1]}, "must be a list of texts"),
        ({"metadata": [1]}, "'metadata' must be an object"),
        ({"id": "test_0"}, "used twice"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        source(tmp_path, ROW, {**ROW, "id": "test_1", **changes}).objectives("test")
    assert caught.value.where == f"{tmp_path / 'q.jsonl'}, line 2"
    assert caught.value.hint is not None


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="file of questions is missing"):
        QaFiles("nq", {"test": tmp_path / "none.jsonl"}).objectives("test")


@pytest.mark.skipif(not REAL.exists(), reason="the shared data is not here")
def test_the_published_files() -> None:
    names = {"nq": 707, "triviaqa": 708, "popqa": 705, "bamboogle": 82}
    sources = [QaFiles(name, {"test": REAL / f"{name}_test.jsonl"}) for name in names]
    sources.append(QaFiles("hotpotqa", {"dev": REAL / "hotpotqa_dev_distractor.jsonl"}))
    assert {s.name: len(s.objectives("test")) for s in sources[:4]} == names
    assert len(sources[4].objectives("dev")) == 100
    tasks = compose(
        sources,
        composition=Composition.PARALLEL,
        objectives=16,
        count=None,
        seed=0,
        split="test",
        order="consecutive",
    )
    assert len(tasks) == 44 + 44 + 44 + 5  # 707, 708, 705 and 82 rows in groups of 16
    assert all(o.question.endswith("?") for task in tasks for o in task.objectives)
    check_disjoint({"test": tasks, "dev": sources[4].objectives("dev")})
