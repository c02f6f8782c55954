"""The catalogue answers as a filter over all episodes would, while the run grows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mem1.errors import DataError
from mem1.report.viewer.catalogue import Catalogue
from mem1.report.viewer.filter import Filter
from mem1.storage.episodes import EpisodeWriter, iter_episodes
from mem1.storage.run_dir import RunDir
from mem1.types import Episode, EpisodeError, StopReason
from tests.unit.report.synthetic import SyntheticConfig
from tests.unit.storage.examples import episode


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", SyntheticConfig())


def write(run: RunDir, label: str, *episodes: Episode) -> None:
    with EpisodeWriter(run.episodes(label, compressed=True)) as writer:
        for one in episodes:
            writer.write(one)


def named(name: str, **changes: object) -> Episode:
    return episode(name).model_copy(update=changes)


def failed(name: str) -> Episode:
    error = EpisodeError(type="BackendError", message="Connection lost")
    return named(name, stop=StopReason.ERROR, error=error, reward=None, score=None)


def found(catalogue: Catalogue, **fields: str) -> list[str]:
    rows, total = catalogue.page(Filter.read(fields), 50)
    assert len(rows) == total
    return [row.entry.id for row in rows]


def test_each_filter(run: RunDir) -> None:
    write(run, "a", named("e1", reward=0.25), named("e2", strategy="full", reward=-1.0), failed("e3"))
    write(run, "b", named("f1", answers=("Straße 100%",)))
    catalogue = Catalogue(run)
    catalogue.refresh()
    assert catalogue.size == 4
    assert found(catalogue, label="b") == ["f1"]
    assert found(catalogue, strategy="full") == ["e2"]
    assert found(catalogue, outcome="failed") == found(catalogue, stop="error") == ["e3"]
    assert found(catalogue, outcome="not scored") == ["e3"]
    assert found(catalogue, outcome="all right") == ["e1", "e2", "f1"]
    assert found(catalogue, low="0") == ["e1", "f1"]
    assert found(catalogue, low="-1", high="0.25") == ["e1", "e2"]
    assert found(catalogue, objectives="2") == []
    assert found(catalogue, composition="parallel", label="a", strategy="state") == ["e1", "e3"]


def test_words_are_looked_for_in_ids_questions_answers_and_errors(run: RunDir) -> None:
    write(run, "a", named("Peru/e1"), named("e2", answers=("Straße_100%",)), failed("e3"))
    catalogue = Catalogue(run)
    catalogue.refresh()
    assert found(catalogue, q="peru/") == ["Peru/e1"]
    assert found(catalogue, q="CAPITAL e2") == ["e2"]
    assert found(catalogue, q="STRASSE") == ["e2"]  # as casefold has it
    assert found(catalogue, q="_1 100%") == ["e2"]  # signs that a pattern would take for others
    assert found(catalogue, q='"connection lost"') == ["e3"]
    assert found(catalogue, q='"lost connection"') == []
    assert found(catalogue, q="'; DROP TABLE episodes --") == []
    assert catalogue.size == 3


def test_orders_put_what_is_not_known_last_both_ways(run: RunDir) -> None:
    write(run, "a", named("e1", reward=0.5), failed("e2"), named("e3", reward=-2.0), named("e4", reward=0.5))
    catalogue = Catalogue(run)
    catalogue.refresh()
    assert found(catalogue) == ["e1", "e2", "e3", "e4"]
    assert found(catalogue, order="reward") == ["e3", "e1", "e4", "e2"]
    assert found(catalogue, order="-reward") == ["e1", "e4", "e3", "e2"]
    assert found(catalogue, order="-written") == ["e4", "e3", "e2", "e1"]


def test_pages_and_neighbours_follow_the_same_order(run: RunDir) -> None:
    write(run, "a", *(named(f"e{k}", reward=float(k % 3)) for k in range(7)))
    catalogue = Catalogue(run)
    catalogue.refresh()
    chosen = Filter(order="-reward", low="1")  # 2, 5 (reward 2), then 1, 4 (reward 1)
    assert found(catalogue, order="-reward", low="1") == ["e2", "e5", "e1", "e4"]
    page, total = catalogue.page(chosen.model_copy(update={"page": 1}), 3)
    assert ([row.entry.id for row in page], total) == (["e4"], 4)
    beyond, _ = catalogue.page(chosen.model_copy(update={"page": 99}), 3)
    assert beyond == page
    middle = catalogue.find("a", "e5")
    assert middle is not None
    before, after = catalogue.neighbours(chosen, middle)
    assert before is not None
    assert after is not None
    assert (before.entry.id, after.entry.id) == ("e2", "e1")
    outside = catalogue.find("a", "e0")
    assert outside is not None
    assert catalogue.neighbours(chosen, outside) == (None, None)


def test_the_last_of_several_runs_of_an_episode_counts(run: RunDir) -> None:
    write(run, "a", failed("e1"), named("e2"))
    catalogue = Catalogue(run)
    catalogue.refresh()
    write(run, "a", named("e1"))
    write(run, "b", named("e1", strategy="full"))
    catalogue.refresh()
    assert catalogue.size == 3
    assert found(catalogue, outcome="failed") == []
    assert {one.value: one.count for one in catalogue.choices()["strategy"]} == {"full": 1, "state": 2}


def test_a_file_cut_back_by_a_resumed_run_is_read_anew(run: RunDir) -> None:
    write(run, "a", named("e1"), named("e2"), named("e3"))
    catalogue = Catalogue(run)
    catalogue.refresh()
    path = run.episodes("a")
    os.truncate(path, next(iter(iter_episodes(path))).end)
    write(run, "a", named("x2"))
    catalogue.refresh()
    assert found(catalogue) == ["e1", "x2"]
    path.unlink()
    catalogue.refresh()
    assert catalogue.size == 0


def test_a_damaged_file_is_told_of_and_the_rest_is_shown(run: RunDir) -> None:
    write(run, "a", named("e1"))
    write(run, "b", named("f1"), named("f2"))
    path = run.episodes("b")
    (run.path / "episodes" / "b.index.jsonl").unlink()
    with path.open("r+b") as file:
        file.seek(next(iter(iter_episodes(path))).end + 12)
        file.write(b"\xff" * 40)
    catalogue = Catalogue(run)
    catalogue.refresh()
    assert found(catalogue) == ["e1", "f1"]
    assert list(catalogue.problems) == ["b"]
    assert "damaged" in catalogue.problems["b"]


def test_other_episodes_of_a_task_come_with_other_strategies_first(run: RunDir) -> None:
    write(run, "a", named("e1"), named("e2"), named("e3", strategy="full"))
    write(run, "b", named("f1", strategy="window"))
    catalogue = Catalogue(run)
    catalogue.refresh()
    listed = catalogue.find("a", "e1")
    assert listed is not None
    assert [one.entry.id for one in catalogue.same_task(listed)] == ["e3", "e2", "f1"]


@pytest.mark.parametrize(
    "query",
    [{"page": "-1"}, {"order": "worst"}, {"outcome": "5"}, {"stop": "x"}, {"composition": "x"}, {"low": "nan"},
     {"high": "much"}, {"objectives": "-2"}],
)  # fmt: skip
def test_bad_values_are_refused_by_name(query: dict[str, str]) -> None:
    with pytest.raises(DataError, match=f"no such {next(iter(query))}"):
        Filter.read(query)


def test_an_address_holds_what_was_chosen_and_nothing_else() -> None:
    chosen = Filter.read({"q": " a&b ", "label": "", "order": "-reward", "page": "3", "id": "e1", "file": "x"})
    assert chosen.query() == "q=a%26b&order=-reward"
    assert chosen.query(page=4) == "q=a%26b&order=-reward&page=4"
    assert chosen.sorted_by("reward") == "q=a%26b&order=reward"
    assert chosen.sorted_by("turns") == "q=a%26b&order=-turns"
    assert chosen.active
    assert not Filter(order="id", page=2).active
