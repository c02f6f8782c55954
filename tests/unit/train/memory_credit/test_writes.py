from __future__ import annotations

from mem1.train.memory_credit.probes import answer_probes
from mem1.train.memory_credit.writes import writes
from mem1.types import Composition, Episode
from tests.unit.evaluation.remembering.letters import Step, answer, episode, ids, objective, search, text

ASKED = [objective("capital of Peru", "Lima", "Ciudad de los Reyes"), objective("currency of Ghana", "cedi")]


class Letters:
    """A tokenizer whose tokens are characters."""

    def encode(self, text: str) -> list[int]:
        return list(ids(text))


def played(composition: Composition = Composition.PARALLEL) -> Episode:
    look = [search("capital of Peru"), search("currency of Ghana")]
    steps = [
        Step("", "<a>", look[0], "[Lima]"),
        Step(f"<a>{look[0]}", "<b>", look[1], "[cedi]", objective=1),
        Step(f"<b>{look[1]}", "<c>", answer("Lima; cedi"), objective=1),
    ]
    return episode(steps, ASKED, answers=["Lima", "cedi"], em=[1.0, 1.0], composition=composition)


def test_what_a_turn_wrote_is_read_off_the_next_context_without_observation_and_action() -> None:
    first, second, last = writes(played())
    assert last is None  # nobody reads the last page
    assert first is not None
    assert second is not None
    assert (text(first.prompt), text(first.before), text(first.after)) == ("P:", "", "<a>")
    assert text(first.behind) == "<search>capital of Peru</search>[Lima]"
    assert (text(second.before), text(second.after)) == ("<a>", "<b>")


def test_a_memory_that_appends_remembers_all_that_went_before() -> None:
    look = search("x")
    steps = [
        Step("", "<a>", look, "[1]"),
        Step(f"<a>{look}", "<b>", look, "[2]"),
        Step(f"<a>{look}[1]<b>{look}", "", answer("?")),
    ]
    _, second, _ = writes(episode(steps, ASKED, answers=[None] * 2, em=[0.0] * 2))
    assert second is not None
    assert (text(second.before), text(second.after)) == ("<a>", f"<a>{look}[1]<b>")


def test_an_episode_without_turns_or_of_one_wrote_nothing_that_was_read() -> None:
    assert writes(episode([], ASKED, answers=[None] * 2, em=[0.0] * 2)) == []
    assert writes(episode([Step("", "", "x")], ASKED, answers=[None] * 2, em=[0.0] * 2)) == [None]


def test_all_answers_are_asked_for_where_all_are_due_at_once() -> None:
    probe = answer_probes(Letters(), "<answer>")(played().task, 0)
    assert text(probe.token_ids) == "<answer>(1) Lima;(2) cedi"
    assert [text(probe.token_ids[start:end]) for start, end in probe.spans] == [" Lima", " cedi"]


def test_one_by_one_only_the_answer_that_is_worked_on_is_asked_for() -> None:
    probe = answer_probes(Letters(), "<answer>")(played(Composition.SEQUENTIAL).task, 1)
    assert text(probe.token_ids) == "<answer> cedi"
    assert [text(probe.token_ids[start:end]) for start, end in probe.spans] == [" cedi"]
