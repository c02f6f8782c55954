from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.remembering.pages import Page, page_tokens, pages
from tests.unit.evaluation.remembering.letters import Step, answer, episode, objective, search, text

ASKED = [objective("capital of Peru", "Lima"), objective("currency of Ghana", "cedi")]


def test_items_are_told_by_their_numbers_and_what_is_asked_is_none() -> None:
    page = Page("gdp: 5|(1) Lima;(2) Accra (capital)?(1) gdp of Togo", range(1, 3))
    assert page.items == {1: ["<lima>"], 2: ["<accra><capital>"]}
    assert page.rest == "<gdp><5>"


def test_numbers_that_no_question_bears_are_text() -> None:
    assert Page("born (1990) in Lima", range(1, 3)).rest == "<born><1990><in><lima>"


def test_the_page_is_the_context_without_the_newest_observation_and_its_look_up() -> None:
    look = search("currency of Ghana")
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("first ", "", look, "[cedi]"),
        Step(f"second {look}", "", answer("Lima; cedi")),
    ]
    seen = list(pages(episode(steps, ASKED, answers=["Lima", "cedi"], em=[1.0, 1.0]), text))
    assert [one.page.text.strip() for one in seen] == ["", "first", "second"]
    assert [one.fresh for one in seen] == ["", "<lima>", "<cedi>"]


def test_a_context_that_goes_on_is_spelled_out_once() -> None:
    spelled: list[int] = []

    def counting(ids: Sequence[int]) -> str:
        spelled.append(len(ids))
        return text(ids)

    steps = [
        Step("", "", search("a"), "[1]"),
        Step("abc", "", search("b"), "[2]"),
        Step("abc[1]def", "", answer("x")),
    ]
    done = episode(steps, ASKED, answers=[None, None], em=[0.0, 0.0])
    assert [one.page.text for one in pages(done, counting)] == ["", "abc ", "abc[1]def "]
    assert spelled == [0, 6, 6]


def test_page_tokens_are_the_largest_context_without_prompt_and_newest_observation() -> None:
    steps = [Step("", "", search("a"), "[12345]"), Step("seven..", "", search("b"), "[1]"), Step("four", "", "<x>")]
    done = episode(steps, ASKED, answers=[None, None], em=[0.0, 0.0])
    assert page_tokens(done) == 7
    assert page_tokens(done.model_copy(update={"turns": done.turns[:1]})) == 0
