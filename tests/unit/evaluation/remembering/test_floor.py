"""What is left of a score if nothing had been kept, counted by hand."""

from __future__ import annotations

from mem1.evaluation.remembering.floor import needing_nothing
from mem1.evaluation.remembering.survival import survival
from mem1.types import Composition, Episode
from tests.unit.evaluation.remembering.letters import Step, answer, episode, objective, search, text

CAPITAL = objective("capital of Peru", "Lima")
CURRENCY = objective("currency of Ghana", "cedi")


def left(done: Episode) -> list[float]:
    return needing_nothing(done, survival(done, text))


def test_of_a_list_that_is_due_at_the_end_only_the_last_answer_needs_no_memory() -> None:
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("(1) Lima", "", search("currency of Ghana"), "[cedi]"),
        Step("(1) Lima", "", answer("Lima; cedi")),
    ]
    done = episode(steps, [CAPITAL, CURRENCY], answers=["Lima", "cedi"], em=[1.0, 1.0])
    assert left(done) == [0.0, 1.0]


def test_an_answer_that_waits_a_turn_before_it_is_given_needs_memory() -> None:
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("(1) Lima", "", search("anything else"), "[nothing]"),
        Step("(1) Lima", "", answer("Lima")),
    ]
    assert left(episode(steps, [CAPITAL], answers=["Lima"], em=[1.0])) == [0.0]


def test_of_questions_that_come_one_by_one_all_answers_need_none_and_wrong_ones_stay_wrong() -> None:
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("", "", answer("Lima"), "(2) currency of Ghana"),
        Step("", "", search("currency of Ghana"), "[cedi]", objective=1),
        Step("", "", answer("dollar"), objective=1),
    ]
    done = episode(
        steps, [CAPITAL, CURRENCY], answers=["Lima", "dollar"], em=[1.0, 0.0], composition=Composition.SEQUENTIAL
    )
    assert left(done) == [1.0, 0.0]


def test_an_answer_that_is_asked_again_later_has_to_be_kept() -> None:
    second = objective("(2) currency of Ghana And the answer to (1)?", "cedi, Lima", own=["cedi"], recalls=1)
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("", "", answer("Lima"), "(2) currency of Ghana"),
        Step("(1) Lima", "", search("currency of Ghana"), "[cedi]", objective=1),
        Step("(1) Lima", "", answer("cedi, Lima"), objective=1),
    ]
    done = episode(
        steps, [CAPITAL, second], answers=["Lima", "cedi, Lima"], em=[1.0, 1.0], composition=Composition.DELAYED
    )
    assert left(done) == [1.0, 0.0]
    steps[2] = Step("", "", search("currency of Ghana"), "[cedi, not Lima]", objective=1)
    shown = episode(
        steps, [CAPITAL, second], answers=["Lima", "cedi, Lima"], em=[1.0, 1.0], composition=Composition.DELAYED
    )
    assert left(shown) == [1.0, 1.0], "unless the newest observation happens to show it"


def test_a_question_about_the_answer_before_it_needs_that_answer_when_it_comes() -> None:
    second = objective("currency of the country whose capital that is", "sol")
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("", "", answer("Lima"), "(2) currency of the country whose capital that is"),
        Step("Lima", "", search("currency Lima"), "[sol]", objective=1),
        Step("Lima", "", answer("sol"), objective=1),
    ]
    given = {"answers": ["Lima", "sol"], "em": [1.0, 1.0]}
    chained = episode(steps, [CAPITAL, second], **given, composition=Composition.CHAINED)  # type: ignore[arg-type]
    assert left(chained) == [1.0, 0.0]
    steps[1] = Step("", "", answer("Lima"), "Lima, then. (2) currency of the country whose capital that is")
    told = episode(steps, [CAPITAL, second], **given, composition=Composition.CHAINED)  # type: ignore[arg-type]
    assert left(told) == [1.0, 1.0]


def test_what_was_not_scored_is_left_out_and_what_was_never_worked_on_is_nothing() -> None:
    steps = [Step("", "", search("capital of Peru"), "[Lima]"), Step("", "", answer("Lima"))]
    done = episode(steps, [CAPITAL, CURRENCY], answers=["Lima", None], em=[None, 0.0])
    assert left(done) == [0.0]
    assert left(episode(steps, [CAPITAL], answers=["Lima"], em=[1.0], scored=False)) == []
    cut = episode(
        steps[:1], [CAPITAL, CURRENCY], answers=[None, None], em=[0.0, 0.0], composition=Composition.SEQUENTIAL
    )
    assert left(cut) == [0.0, 0.0]
    assert left(episode([], [CAPITAL], answers=[None], em=[0.0])) == [0.0]
