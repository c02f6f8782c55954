"""Chains from rows in which one question asks about another's answer."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from mem1.errors import ConfigError, DataError
from mem1.tasks import linked_rows
from mem1.tasks.base import Split
from mem1.tasks.chain import walk
from mem1.tasks.compose import compose
from mem1.tasks.linked_rows import LinkedRows
from mem1.types import Composition, Objective


def row(name: str, question: str, *answers: str) -> Objective:
    return Objective(id=name, question=question, answers=answers, source="rows")


class Rows:
    name = "rows"

    def __init__(self, *rows: Objective) -> None:
        self.rows = rows

    def objectives(self, split: Split) -> Sequence[Objective]:
        return self.rows if split == "train" else ()


EMMA = row("emma", "Who wrote Emma?", "Austen", "Jane Austen")
BORN = row("born", "Where was Jane Austen born?", "Steventon")
IN = row("in", "In which county lies steventon?", "Hampshire")
BIG = row("big", "Hampshire belongs to which country?", "England")


def test_a_chain_by_hand() -> None:
    chain = walk(
        LinkedRows(Rows(EMMA, BORN, row("x", "Who sang Hello?", "Adele"))), objectives=2, split="train", seed="0"
    )
    assert [one.question for one in chain] == ["Who wrote Emma?", "Where was the previous answer born?"]
    assert (chain[1].standalone, chain[1].answers) == ("Where was Jane Austen born?", ("Steventon",))
    assert chain[1].id == "born<Jane Austen"


def test_a_name_at_the_beginning_leaves_a_capital_letter() -> None:
    source = LinkedRows(Rows(row("a", "In which county is Hook?", "Hampshire"), BIG))
    first = source.start(random.Random(0), "train")
    following = source.link(first, random.Random(0))
    assert following is not None
    assert following.question == "The previous answer belongs to which country?"


def test_a_lower_case_word_is_no_name() -> None:
    """ "steventon" in the rows above links nothing, "red" would link every question with a colour."""
    source = LinkedRows(Rows(BORN, IN))
    with pytest.raises(ConfigError, match="in no question of 'rows' stands the answer to another"):
        source.start(random.Random(0), "train")


@pytest.mark.parametrize(
    ("answer", "question", "own"),
    [
        ("no", "Is there No one?", "yes"),
        ("Aus", "Where was Jane Austen born?", "Steventon"),  # not a whole word
        ("Jane Austen", "Did Jane Austen meet Jane Austen?", "no way"),  # stands twice
        ("Jane Austen", "What is the surname of Jane Austen?", "Austen"),  # gives itself away
        ("Austen", "Where was Jane Austen born?", "Steventon"),  # a part of a longer name
        ("1994", "What happened in 1994?", "Netscape"),
    ],
)
def test_what_does_not_link(answer: str, question: str, own: str) -> None:
    source = LinkedRows(Rows(row("a", "Who or what?", answer), row("b", question, own)))
    with pytest.raises(ConfigError):
        source.start(random.Random(0), "train")


def test_a_question_does_not_follow_itself() -> None:
    source = LinkedRows(Rows(row("a", "Who is Jane Austen to Emma?", "Jane Austen", "Emma")))
    with pytest.raises(ConfigError):
        source.start(random.Random(0), "train")


def test_chains_of_rows_are_composed_and_too_long_ones_refused() -> None:
    rows = Rows(EMMA, BORN, row("in", "In which county lies Steventon?", "Hampshire"), BIG)
    (task,) = compose([rows], composition=Composition.CHAINED, objectives=4, count=1, seed=0, split="train")
    assert [one.id.partition("<")[0] for one in task.objectives] == ["emma", "born", "in", "big"]
    assert task.reveal == "one_by_one"
    with pytest.raises(DataError, match="linked"):
        compose([rows], composition=Composition.CHAINED, objectives=6, count=1, seed=0, split="train")


def test_chosen_objectives_are_not_a_source_to_chain() -> None:
    with pytest.raises(ConfigError, match="can be linked"):
        compose([EMMA, BORN], composition=Composition.CHAINED, objectives=2, count=1, seed=0, split="train")


def test_links_are_found_once_for_a_source_and_again_when_its_rows_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []
    find = linked_rows._mentions

    def counted(objective: Objective, sought: set[tuple[str, ...]]) -> object:
        looked_at.append(objective.id)
        return find(objective, sought)

    monkeypatch.setattr(linked_rows, "_mentions", counted)
    rows = Rows(EMMA, BORN)
    for _ in range(3):
        compose([rows], composition=Composition.CHAINED, objectives=2, count=1, seed=0, split="train")
    assert looked_at == ["emma", "born"]
    rows.rows = (EMMA, row("other", "Where did Jane Austen die?", "Winchester"))
    (task,) = compose([rows], composition=Composition.CHAINED, objectives=2, count=1, seed=0, split="train")
    assert task.objectives[1].id.startswith("other")
