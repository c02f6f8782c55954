"""Whole tasks scored both ways."""

from __future__ import annotations

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from mem1.config import build
from mem1.errors import ConfigError
from mem1.rewards.base import Scorer
from mem1.rewards.config import ScorerConfig
from mem1.rewards.released import ReleasedScorer
from mem1.rewards.standard import StandardScorer, split_answers
from mem1.types import Composition, Objective, Task

GOLDS = (("Lima",), ("The Nile", "Nile River"), ("yes",))
TASK = Task(
    id="t",
    composition=Composition.PARALLEL,
    reveal="upfront",
    split="test",
    objectives=tuple(Objective(id=str(i), question="?", answers=golds, source="toy") for i, golds in enumerate(GOLDS)),
)


@pytest.mark.parametrize(
    ("text", "answers", "extra"),
    [
        ("a; b ;c", ("a", "b", "c"), 0),
        ("a", ("a", None, None), 0),
        ("", ("", None, None), 0),
        ("a;;c", ("a", "", "c"), 0),
        ("a;b;c;d;e", ("a", "b", "c"), 2),
        ("a;b;c;", ("a", "b", "c"), 1),
        ("(1) a;(2) b;(3) c", ("a", "b", "c"), 0),
        ("(3) c; (1)a", ("a", None, "c"), 0),  # by number, in any order
        ("(2) b;(2) d;(7) x;(0) y", (None, "b", None), 3),  # the first of two; what nobody asked for
        ("(1) a;(2) b;", ("a", "b", None), 0),  # a last ";" ends an item
        ("(1) a;(2) ;", ("a", "", None), 0),
        ("(1) a;b;(3) c", ("(1) a", "b", "(3) c"), 0),  # one without a number: by place
        ("1. a; 2. b; 3. c", ("a", "b", "c"), 0),
        ("1. a", ("a", None, None), 0),
        ("2. Liga; 1. FC; x", ("2. Liga", "1. FC", "x"), 0),
        ("2. Liga; 3. Liga", ("2. Liga", "3. Liga", None), 0),  # they do not count from 1
        ("1.5; 2.5", ("1.5", "2.5", None), 0),
    ],
)
def test_splitting(text: str, answers: tuple[str | None, ...], extra: int) -> None:
    assert split_answers(text, 3) == (answers, extra)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("(1) Lima", "Lima"), ("(1) Lima;", "Lima"), ("(2) Lima", "(2) Lima"), ("1. FC Köln", "1. FC Köln"), ("", "")],
)
def test_a_single_answer_may_bear_the_number_of_its_question(text: str, answer: str) -> None:
    assert split_answers(text, 1) == ((answer,), 0)


@given_by(st.text(alphabet="ab; (1)2.", max_size=20), st.integers(2, 6))
def test_splitting_gives_one_place_per_objective(text: str, count: int) -> None:
    answers, extra = split_answers(text, count)
    assert len(answers) == count
    ended = text.strip().endswith(";")  # by number, a last ";" begins nothing
    pieces = text.count(";") + 1
    assert sum(answer is not None for answer in answers) + extra in (pieces, pieces - ended)


def test_standard_scores_each_objective_by_itself() -> None:
    score = StandardScorer()(TASK, ("lima.", "river nile", "no"), extra_answers=2)
    assert score.metrics["em"] == (1.0, 0.0, 0.0)
    assert score.metrics["f1"] == (1.0, 1.0, 0.0)
    assert score.answered == (True, True, True)
    assert (score.extra_answers, score.scorer, score.total("em"), score.total("f1")) == (2, "standard", 1.0, 2.0)
    assert score.coverage == 1.0


def test_standard_gives_missing_and_blank_answers_zero() -> None:
    score = StandardScorer()(TASK, ("Lima", " ", None))
    assert score.metrics["em"] == (1.0, 0.0, 0.0)
    assert score.metrics["f1"] == (1.0, 0.0, 0.0)
    assert score.answered == (True, False, False)


def test_released_scores_a_complete_set_only() -> None:
    scorer = ReleasedScorer()
    whole = scorer(TASK, ("lima", "nile", "no"))
    assert whole.metrics["em"] == (1.0, 0.0, 0.0)  # "nile" is neither "the nile" nor "nile river" with articles kept
    assert list(whole.metrics["f1"]) == pytest.approx([1.0, 2 / 3, 0.0])
    assert scorer(TASK, ("lima", "nile", None)).total("em") == 0.0
    assert scorer(TASK, ("lima", "nile", "no"), extra_answers=1).total("f1") == 0.0
    assert scorer(TASK, ("lima", "", "no")).metrics["em"] == (1.0, 0.0, 0.0)  # a blank piece still counts as an answer
    assert scorer(TASK, ("lima", "nile", None)).answered == (True, True, False)


@pytest.mark.parametrize("name", ["standard", "folding", "mem1-released"])
def test_the_config_builds_what_it_names(name: str) -> None:
    scorer = build(ScorerConfig, {"name": name}, where="test").build()
    assert isinstance(scorer, Scorer)
    assert scorer.name == name
    with pytest.raises(ValueError):
        scorer(TASK, ("one",))


def test_an_unknown_scorer_is_refused() -> None:
    with pytest.raises(ConfigError, match="name"):
        build(ScorerConfig, {"name": "rouge"}, where="test")


# ---------------------------------------------------------------- what an accepted answer may be


@pytest.mark.parametrize("text", ["Smith; Jones", ";", "a;b;", " 3; 4 ", "if (x) { y; }"])
def test_a_single_answer_is_not_split(text: str) -> None:
    assert split_answers(text, 1) == ((text.strip(),), 0)
    assert StandardScorer()(asked(text.strip()), split_answers(text, 1).answers).answered == (True,)


def test_the_answer_to_a_single_objective_may_hold_the_sign_that_parts_several() -> None:
    given, extra = split_answers("smith;  Jones", 1)
    for scorer in (StandardScorer(), ReleasedScorer()):
        assert scorer(asked("Smith; Jones"), given, extra_answers=extra).metrics["em"] == (1.0,), scorer.name


def asked(*golds: str) -> Task:
    return TASK.model_copy(update={"objectives": (Objective(id="0", question="?", answers=golds, source="toy"),)})


@pytest.mark.parametrize("gold", ["", "---", "*", ")", "The", " a ", "?!", "an the"])
def test_an_accepted_answer_that_normalises_to_nothing_accepts_nothing(gold: str) -> None:
    for answer in ("The", "...", "a", gold or "-"):
        assert StandardScorer()(asked("Oslo", gold), (answer,)).metrics["em"] == (0.0,), answer
        only = StandardScorer()(asked(gold), (answer,))
        assert (only.metrics["em"], only.metrics["f1"], only.coverage, only.total("em")) == (
            (None,),
            (None,),
            0.0,
            0,
        )  # cannot be scored
    assert StandardScorer()(asked(gold, "Oslo"), ("oslo",)).metrics["em"] == (1.0,)
    assert StandardScorer()(asked(gold), (None,)).metrics["em"] == (None,)


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("Jose\u0301", "José"),
        ("ＯＳＬＯ", "Oslo"),
        ("STRASSE", "Straße"),
        ("奥斯陆。", "奥斯陆"),
        ("«Oslo»", "Oslo"),
        ("أوسلو؟", "أوسلو"),
        ("the ﬁrst", "first"),
    ],
)
def test_folding_takes_for_equal_what_only_looks_different_to_a_machine(answer: str, gold: str) -> None:
    scorer = build(ScorerConfig, {"name": "folding"}, where="test").build()
    assert (scorer(asked(gold), (answer,)).metrics["em"], scorer.name) == ((1.0,), "folding")
    assert StandardScorer()(asked(gold), (answer,)).metrics["em"] == (0.0,)  # the field's rule stays as it is
    assert scorer(asked("Jose"), ("José",)).metrics["em"] == (0.0,)  # an accent tells words apart
