from __future__ import annotations

import pytest

from mem1.evaluation.cells import Bootstrap, make_cell, measure
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey
from mem1.evaluation.remembering.survival import Fate, survival
from mem1.types import Composition, Episode, EpisodeError, StopReason
from tests.unit.evaluation.remembering.letters import Step, answer, episode, objective, search, text

ASKED = [objective("capital of Peru", "Lima"), objective("currency of Ghana", "cedi")]


def played(page: str) -> Episode:
    """Lima is found first and held as ``page`` says, then found again if it was lost; the currency never is."""
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("(1) Lima", "", search("currency of Chad"), "[franc]"),
        Step(page, "", search("capital of Peru"), "[no results]"),
        Step(page, "", answer("Lima; ")),
    ]
    return episode(steps, ASKED, answers=["Lima", None], em=[1.0, 0.0])


def test_an_episode_is_measured_by_what_it_found_kept_and_looked_up_again() -> None:
    found = measure(done := played("nothing here"), histories=survival(done, text))
    assert found[Measure.FOUND] == 0.5
    assert found[Measure.KEPT] == 0.0
    assert found[Measure.REPEATED] == pytest.approx(1 / 3)
    assert found[Measure.REPEATED_AFTER_LOSS] == pytest.approx(1 / 3)
    assert found[Measure.PAGE] == len("nothing here")
    assert found[Measure.PAGE_PER_OBJECTIVE] == len("nothing here") / 2


def test_without_the_words_of_tokens_only_the_page_is_known() -> None:
    found = measure(played("(1) Lima"))
    assert found[Measure.PAGE] == len("(1) Lima")
    assert [found[name] for name in (Measure.FOUND, Measure.KEPT, Measure.REPEATED)] == [None] * 3


def test_a_cell_has_the_curve_and_the_fates_of_all_that_did_not_fail() -> None:
    kept, lost = played("(1) Lima"), played("nothing here").model_copy(update={"id": "e1"})
    error = EpisodeError(type="BackendError", message="gone")
    failed = lost.model_copy(
        update={"id": "e2", "stop": StopReason.ERROR, "error": error, "reward": None, "score": None}
    )
    cell = make_cell(
        "state",
        CellKey(Composition.PARALLEL, 2),
        [kept, lost, failed],
        Bootstrap(),
        names=["a", "b", "c"],
        text=text,
    )
    assert [(one.age, one.n, one.held) for one in cell.survival] == [(1, 2, 1.0), (2, 2, 0.5), (3, 2, 0.5)]
    assert cell.fates == {Fate.ANSWERED: 2, Fate.NOT_FOUND: 2}
    assert cell.values[Measure.KEPT] == (1.0, 0.0, None)
    assert type(cell).model_validate_json(cell.model_dump_json()) == cell
