"""What the scripted expert fails in is told, as it happens and in the run."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from rich.console import Console

from mem1.config import Config
from mem1.errors import StorageError
from mem1.progress import Reporter
from mem1.rollout.demonstrations import demonstrate
from mem1.rollout.lost import Lost
from mem1.runtime.lessons.telling import telling
from mem1.storage.run_dir import RunDir
from mem1.types import Episode
from tests.unit.rollout.test_demonstrations import MEMORY, TOKENIZER, lesson, single

(EPISODE,) = demonstrate(lesson(single("Peru/capital")), MEMORY, TOKENIZER, label="d")
DOWN = Lost(made=4, failed=1, first="BackendError: down", where="lesson-2/0/0, File x")


class Lessons:
    """Each demonstration is a lesson of four episodes, of which one fails from the third on."""

    def __init__(self) -> None:
        self.lost = Lost()

    def lose(self, lost: Lost) -> None:
        self.lost += lost

    def __call__(self, start: int) -> Iterator[Episode]:
        for number in range(start, 100):
            self.lose(DOWN if number >= 2 else Lost(made=4))
            yield EPISODE


def learned(run: RunDir, count: int, *, start: int = 0, resume: bool = False) -> list[str]:
    """What is said while ``count`` demonstrations are learned from."""
    shown = StringIO()
    with (
        Reporter(Console(file=shown, width=200), log=run.log),
        telling(Lessons(), run, resume=resume) as learn,
    ):
        assert len(list(islice(learn(start), count))) == count
    return shown.getvalue().splitlines()


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", Config())


def test_failed_episodes_are_said_when_the_first_is_there_then_ever_less_often_and_at_the_end(run: RunDir) -> None:
    said = learned(run, 12)
    assert said[0] == (
        "lessons: 1 of the expert's 12 episodes failed, the first with BackendError: down "
        "(lesson-2/0/0, File x); they are not shown"
    )
    assert [line.split(" episodes")[0] for line in said] == [
        "lessons: 1 of the expert's 12", "lessons: 3 of the expert's 20", "lessons: 7 of the expert's 36",
        "lessons: 10 of the expert's 48",
    ]  # fmt: skip
    assert [line.partition("  ")[2] for line in run.log.read_text().splitlines()] == said
    assert Lost.read(run.demonstrations) == DOWN.model_copy(update={"made": 48, "failed": 10})


def test_where_nothing_failed_nothing_is_said_and_the_run_says_so(run: RunDir) -> None:
    assert learned(run, 2) == []
    assert Lost.read(run.demonstrations) == Lost(made=8)


def test_a_resumed_run_goes_on_counting(run: RunDir) -> None:
    learned(run, 3)
    assert learned(run, 2, start=3, resume=True)[-1].startswith("lessons: 3 of the expert's 20 episodes")
    assert Lost.read(run.demonstrations).where == DOWN.where


def test_the_note_is_written_where_learning_breaks_off(run: RunDir) -> None:
    def interrupted() -> None:
        with telling(Lessons(), run, resume=False) as learn:
            list(islice(learn(0), 4))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert Lost.read(run.demonstrations).failed == 2


def test_a_damaged_note_is_refused_by_name(run: RunDir) -> None:
    run.demonstrations.write_text('{"made": -1}')
    with pytest.raises(StorageError, match="how many of the expert's episodes failed") as caught:
        learned(run, 1, resume=True)
    assert caught.value.where == str(run.demonstrations)


def test_other_demonstrations_are_handed_on_as_they_are(run: RunDir) -> None:
    stored = iter([EPISODE])
    with telling(lambda start: stored, run, resume=False) as learn:
        assert learn(0) is stored
    assert not run.demonstrations.exists()
