"""Questions counted from anywhere, among remarks that ask nothing."""

from __future__ import annotations

import random

from mem1.envs.prompts import render_prompt
from mem1.tasks.compose import make_task
from mem1.tasks.numbering import ending_at, free_numbers, numbered_from, with_end, with_remarks, without_first
from mem1.types import Composition, Objective, Task


def task(size: int = 2) -> Task:
    asked = [Objective(id=str(i), question=f"What is the q{i}?", answers=("a",), source="s") for i in range(size)]
    return make_task(asked, Composition.PARALLEL, "train")


def test_numbers_in_the_prompt_by_hand() -> None:
    moved = numbered_from(task(), 40)
    assert moved.first == 40
    assert task().first == 1
    assert render_prompt("brief", moved) == "Answer all.\n(40) q0\n(41) q1\n(42) Answer all.\n"
    assert render_prompt("instruct", moved).endswith("\n40. What is the q0?\n41. What is the q1?\n")


def test_free_numbers_are_those_of_no_line() -> None:
    assert free_numbers(numbered_from(task(), 3), 8) == [1, 2, 6, 7, 8]


def test_a_list_that_ends_further_on_by_hand() -> None:
    """Its last line has the other number, which no remark may have; the number after the last question is free."""
    usual = numbered_from(task(), 3)
    distant = ending_at(usual, 7)
    prompt = render_prompt("headed", distant)
    assert prompt == render_prompt("headed", usual)
    assert with_end(prompt, usual) == prompt
    assert with_end(prompt, distant) == "Answer all from (3).\n(3) q0\n(4) q1\n(7) Answer all.\n"
    assert free_numbers(distant, 8) == [1, 2, 5, 6, 8]


def test_remarks_leave_the_heading_first_and_every_line_whole() -> None:
    prompt = render_prompt("brief", task())
    orders = set()
    for seed in range(30):
        lines = with_remarks(prompt, [(9, "so it"), (7, "be")], random.Random(seed)).splitlines()
        assert lines[0] == "Answer all."
        assert sorted(lines[1:]) == ["(1) q0", "(2) q1", "(3) Answer all.", "(7) be", "(9) so it"]
        orders.add(tuple(lines))
    assert len(orders) > 10


def test_without_its_first_questions_a_prompt_keeps_its_heading_and_the_numbers_of_the_others() -> None:
    prompt = render_prompt("brief", numbered_from(task(3), 7))
    assert without_first(prompt, 2) == "Answer all.\n(9) q2\n(10) Answer all.\n"
    assert without_first(prompt, 0) == prompt
