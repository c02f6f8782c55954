from __future__ import annotations

from mem1.evaluation.remembering.repeats import repeats
from mem1.evaluation.remembering.survival import survival
from tests.unit.evaluation.remembering.letters import Step, answer, episode, objective, search, text


def test_a_look_up_made_again_after_its_answer_was_lost_is_told_from_one_made_for_nothing() -> None:
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("", "", search("Capital of Peru?"), "[Lima]"),  # at once again: nothing was lost
        Step("", "", search("anthem of Togo"), "[none]"),
        Step("blank", "", search("capital of Peru"), "[Lima]"),
        Step("", "", answer("Lima")),
    ]
    done = episode(steps, [objective("capital of Peru", "Lima")], answers=["Lima"], em=[1.0])
    assert repeats(done, survival(done, text)) == (2 / 4, 1 / 4)


def test_without_look_ups_there_is_nothing_to_repeat() -> None:
    done = episode([Step("", "", answer("x"))], [objective("q", "Lima")], answers=["x"], em=[0.0])
    assert repeats(done, survival(done, text)) == (None, None)
