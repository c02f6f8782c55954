from __future__ import annotations

from collections.abc import Sequence

import pytest

from mem1.evaluation.remembering.survival import FactHistory, Fate, Standing, survival
from mem1.types import Composition, Episode, StopReason
from tests.unit.evaluation.remembering.letters import Step, answer, episode, objective, search, text

U, S, H, L = Standing.UNSEEN, Standing.SHOWN, Standing.HELD, Standing.LOST
CAPITAL = objective("capital of Peru", "Lima")
CURRENCY = objective("currency of Ghana", "Ghana cedi", "cedi")
ANTHEM = objective("anthem of Togo", "Terre de nos aieux")


def run(pages: Sequence[str], em: Sequence[float], answers: Sequence[str | None] | None = None) -> Episode:
    """Three look-ups, each carried on as ``pages`` say (the context of turns 1, 2, 3), then the answers."""
    steps = [
        Step("", "(none)", search("capital of Peru"), "[Lima is the capital of Peru.]"),
        Step(pages[0], "", search("currency of Ghana"), "[Ghana pays with the Cedi.]"),
        Step(pages[1], "", search("anthem of Togo"), "[Terre de nos aïeux / Terre de nos aieux]"),
        Step(pages[2], "", answer("...")),
    ]
    given = answers or [None] * 3
    return episode(steps, [CAPITAL, CURRENCY, ANTHEM], answers=given, em=em)


def by_number(found: Sequence[FactHistory]) -> dict[int, tuple[list[Standing], Fate]]:
    return {one.objective: (list(one.turns), one.fate) for one in found}


def test_an_answer_is_followed_from_its_look_up_to_the_turn_that_answers() -> None:
    done = run(["", "(1) Lima", "(1) Lima;(2) cedi"], [1, 1, 1], ["Lima", "cedi", "Terre de nos aieux"])
    found = survival(done, text)
    assert by_number(found) == {
        0: ([U, S, H, H], Fate.ANSWERED),
        1: ([U, U, S, H], Fate.ANSWERED),
        2: ([U, U, U, S], Fate.ANSWERED),
    }
    assert [(one.found, one.due, one.lost, one.there) for one in found] == [(0, 3, None, True), *_rest(1, 2)]


def _rest(*found: int) -> list[tuple[int, int, None, bool]]:
    return [(one, 3, None, True) for one in found]


def test_an_answer_that_no_context_held_was_not_written() -> None:
    found = survival(run(["", "nothing", "(2) cedi"], [0, 1, 1]), text)
    assert by_number(found)[0] == ([U, S, L, L], Fate.NOT_WRITTEN)
    assert found[0].lost == 2


def test_an_answer_that_left_the_page_was_dropped_there() -> None:
    found = survival(run(["", "(1) Lima", "(2) cedi"], [0, 1, 1]), text)
    assert by_number(found)[0] == ([U, S, H, L], Fate.DROPPED)
    assert found[0].lost == 3


@pytest.mark.parametrize("page", ["(1) Accra;(2) cedi", "(1) Limalimalima;(2) cedi", "Limma, cedi"])
def test_an_answer_with_something_else_in_its_place_was_corrupted(page: str) -> None:
    assert by_number(survival(run(["", "(1) Lima", page], [0, 1, 1]), text))[0] == ([U, S, H, L], Fate.CORRUPTED)


def test_what_is_still_asked_is_nothing_in_the_place_of_an_answer() -> None:
    done = run(["", "(1) Lima", "(2) cedi?(1) capital of Peru"], [0, 1, 1])
    assert by_number(survival(done, text))[0][1] is Fate.DROPPED


def test_an_answer_that_could_be_read_and_was_not_given_is_not_answered() -> None:
    done = run(["", "(1) Lima", "(1) Lima;(2) cedi"], [0, 1, 0], ["Accra", "cedi", None])
    assert by_number(survival(done, text))[0] == ([U, S, H, H], Fate.NOT_ANSWERED)
    assert by_number(survival(done, text))[2] == ([U, U, U, S], Fate.NOT_ANSWERED)


def test_an_answer_that_no_look_up_showed_was_not_found() -> None:
    steps = [Step("", "", search("capital of Chad"), "[N'Djamena]"), Step("(1) N'Djamena", "", answer("N'Djamena"))]
    (found,) = survival(episode(steps, [CAPITAL], answers=["N'Djamena"], em=[0.0]), text)
    assert (found.found, found.fate, found.turns) == (None, Fate.NOT_FOUND, (U, U))


def test_a_right_answer_from_nowhere_is_answered() -> None:
    (found,) = survival(episode([Step("", "", answer("Lima"))], [CAPITAL], answers=["Lima"], em=[1.0]), text)
    assert (found.found, found.fate) == (None, Fate.ANSWERED)


def test_the_look_up_that_is_most_like_the_question_found_its_answer() -> None:
    """Both live on petroleum; Chad is looked up second, though the words of its answer are seen first."""
    chad, peru = objective("main export of Chad", "petroleum"), objective("main export of Peru", "petroleum")
    steps = [
        Step("", "", search("main export of Peru"), "[Peru: petroleum]"),
        Step("", "", search("main export of Chad"), "[Chad: petroleum]"),
        Step("petroleum", "", answer("petroleum; petroleum")),
    ]
    found = survival(episode(steps, [chad, peru], answers=["petroleum"] * 2, em=[1.0, 1.0]), text)
    assert [(one.found, list(one.turns)) for one in found] == [(1, [U, U, S]), (0, [U, S, S])]
    only = survival(episode([steps[0], steps[2]], [chad, peru], answers=["petroleum"] * 2, em=[1.0, 1.0]), text)
    assert [one.found for one in only] == [None, 0]


def test_two_objectives_with_one_answer_need_it_twice() -> None:
    chad, peru = objective("main export of Chad", "petroleum"), objective("main export of Peru", "petroleum")
    look = [search("main export of Chad"), search("main export of Peru"), search("more")]

    def last(page: str) -> list[Standing]:
        steps = [Step("", "", one, "[petroleum]" if k < 2 else "[nothing]") for k, one in enumerate(look)]
        done = episode([*steps, Step(page, "", answer("?"))], [chad, peru], answers=[None] * 2, em=[0.0] * 2)
        return [one.turns[3] for one in survival(done, text)]

    assert last("petroleum; petroleum") == [H, H]
    assert last("petroleum") == [H, L]
    assert last("(2) petroleum") == [L, H]
    assert last("(1) petroleum;(2) petroleum") == [H, H]


def test_the_words_of_a_look_up_are_not_the_memory_of_an_answer() -> None:
    """The state memory carries the last action: `capital of Peru` there does not hold the answer Peru."""
    country = objective("country of the llama", "Peru")
    steps = [
        Step("", "", search("country of the llama"), "[Peru]"),
        Step("", "", search("capital of Peru"), "[Lima]"),
        Step("gone" + search("capital of Peru"), "", answer("?")),
    ]
    (found,) = survival(episode(steps, [country], answers=["?"], em=[0.0]), text)
    assert list(found.turns) == [U, S, L]


def test_a_memory_that_appends_holds_everything_it_was_shown() -> None:
    first, second = "[Lima is the capital of Peru.]", "[Ghana pays with the Cedi.]"
    look = [search("capital of Peru"), search("currency of Ghana")]
    steps = [
        Step("", "", look[0], first),
        Step(look[0], "", look[1], second),
        Step(look[0] + first + look[1], "", answer("Lima; cedi")),
    ]
    done = episode(steps, [CAPITAL, CURRENCY], answers=["Lima", "cedi"], em=[1.0, 1.0])
    assert by_number(survival(done, text)) == {0: ([U, S, H], Fate.ANSWERED), 1: ([U, U, S], Fate.ANSWERED)}


def test_one_by_one_an_answer_is_due_when_its_own_question_is_answered() -> None:
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]", objective=0),
        Step("", "", answer("Lima"), "next: currency of Ghana", objective=0),
        Step("", "", search("currency of Ghana"), "[cedi]", objective=1),
        Step("", "", answer("euro"), objective=1),
    ]
    done = episode(
        steps, [CAPITAL, CURRENCY], answers=["Lima", "euro"], em=[1.0, 0.0], composition=Composition.SEQUENTIAL
    )
    found = survival(done, text)
    assert [(one.due, one.fate, one.lost) for one in found] == [(1, Fate.ANSWERED, None), (3, Fate.NOT_ANSWERED, None)]


def test_a_delayed_answer_is_due_when_it_is_asked_again() -> None:
    """Question 2 asks for its own answer and for that to question 1, which the page has dropped by then."""
    first = objective("(1) capital of Peru", "Lima", number=1)
    second = objective("(2) currency of Ghana", "cedi, Lima", number=2, recalls=1, own=["cedi"])
    steps = [
        Step("", "", search("capital of Peru"), "[Lima]", objective=0),
        Step("(1) Lima", "", answer("Lima"), "(2) currency of Ghana", objective=0),
        Step("(1) Lima", "", search("currency of Ghana"), "[cedi]", objective=1),
        Step("(2) cedi", "", answer("cedi, Accra"), objective=1),
    ]
    done = episode(
        steps, [first, second], answers=["Lima", "cedi, Accra"], em=[1.0, 0.0], composition=Composition.DELAYED
    )
    found = survival(done, text)
    assert [(one.due, list(one.turns), one.fate) for one in found] == [
        (3, [U, S, H, L], Fate.DROPPED),
        (3, [U, U, U, S], Fate.NOT_ANSWERED),
    ]


def test_an_episode_without_turns_or_cut_off_has_histories_too() -> None:
    empty = episode([], [CAPITAL], answers=[None], em=[0.0], stop=StopReason.CONTEXT_LIMIT)
    (found,) = survival(empty, text)
    assert (found.turns, found.fate, found.there) == ((), Fate.NOT_FOUND, False)
    cut = run(["", "(1) Lima", "(1) Lima"], [0, 0, 0])
    part = cut.model_copy(update={"turns": cut.turns[:3], "stop": StopReason.TURN_LIMIT})
    assert [one.fate for one in survival(part, text)] == [Fate.NOT_ANSWERED, Fate.NOT_ANSWERED, Fate.NOT_FOUND]


def test_unscored_answers_are_told_by_their_words_and_objectives_without_words_left_out() -> None:
    steps = [Step("", "", search("capital of Peru"), "[Lima]"), Step("", "", answer("it is lima; ---"))]
    done = episode(
        steps, [CAPITAL, objective("dash", "---")], answers=["it is lima", "---"], em=[1.0, 1.0], scored=False
    )
    assert by_number(survival(done, text)) == {0: ([U, S], Fate.ANSWERED)}


def test_records_with_fewer_answers_or_odd_metadata_are_read_all_the_same() -> None:
    odd = objective("capital of Peru", "Lima", own=[7, None], recalls="x", number="first")
    done = episode([Step("", "", search("x"), "[Lima]"), Step("", "", "nonsense")], [odd], answers=[None], em=[0.0])
    short = done.model_copy(update={"answers": (), "score": None})
    assert [one.fate for one in survival(short, text)] == [Fate.NOT_ANSWERED]
    unfinished = done.model_copy(update={"turns": done.turns[:1]})
    assert [one.fate for one in survival(unfinished, text)] == [Fate.NOT_FOUND]  # no turn saw the result


def test_a_history_is_plain_data() -> None:
    (found,) = survival(episode([Step("", "", answer("Lima"))], [CAPITAL], answers=["Lima"], em=[1.0]), text)
    assert found.model_dump(mode="json") == {
        "objective": 0,
        "found": None,
        "due": 0,
        "turns": ["unseen"],
        "fate": "answered",
        "lost": None,
    }
