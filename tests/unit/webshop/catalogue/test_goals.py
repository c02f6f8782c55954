"""Goals of a shop."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mem1.errors import DataError
from mem1.webshop.catalogue.goals import (
    NO_LIMIT,
    human_goals,
    read_human_index,
    read_human_instructions,
    said,
    shuffled,
    synthetic_goals,
)
from mem1.webshop.catalogue.products import Product
from tests.published import HUMAN_GOALS, needs_published_files, published


def product(asin: str = "A", price: float = 12.0, **settings: object) -> Product:
    values: dict[str, object] = {
        "asin": asin,
        "title": "Lamp",
        "description": "",
        "bullets": (),
        "prices": (price,),
        "options": {"size": ("s", "m"), "color": ("red", "blue")},
        "attributes": (),
        "category": "garden",
        "query": "lamps",
        "product_category": "Home › Lamps",
        "instruction": "Find me lamps",
        "instruction_attributes": ("led light", "easy use"),
    }
    return Product(**(values | settings))  # type: ignore[arg-type]


def test_one_goal_for_each_combination_names_sorted() -> None:
    goals = synthetic_goals([product()], seed=0)
    assert [goal.options for goal in goals] == [("red", "s"), ("red", "m"), ("blue", "s"), ("blue", "m")]
    assert {goal.option_names for goal in goals} == {("color", "size")}
    limit = goals[0].price_upper
    assert limit in (30.0, 40.0, 50.0)  # of 20, 30, 40, 50 the larger one of two
    assert goals[0].instruction == (
        f"Find me lamps with color: red, and size: s, and price lower than {limit:.2f} dollars"
    )


def test_weights() -> None:
    one = product("A", options={"size": ("s", "m")}, instruction_attributes=("x", "y"))
    other = product("B", options={}, instruction_attributes=("x",))
    first, second, third = synthetic_goals([one, other], seed=0)
    assert first.weight == second.weight == (1 / 3 + 1 / 2) / 2  # x in three goals, y in two
    assert third.weight == 1 / 3


@pytest.mark.parametrize(("price", "limits"), [(965.0, {980.0, 990.0}), (975.0, {990.0}), (980.0, {NO_LIMIT})])
def test_limits_of_dear_products(price: float, limits: set[float]) -> None:
    found = {synthetic_goals([product(str(i), price, options={})], seed=0)[0].price_upper for i in range(60)}
    assert found <= limits | ({990.0} if price == 965.0 else set())
    if price == 980.0:
        assert synthetic_goals([product("A", price, options={})], seed=0)[0].instruction == "Find me lamps"


def test_products_without_an_instruction_give_no_goal() -> None:
    assert synthetic_goals([product(instruction=None)], seed=0) == []
    with pytest.raises(DataError, match="product A has an instruction without attributes"):
        synthetic_goals([product(instruction_attributes=())], seed=0)


def test_human_goals() -> None:
    records = {
        "A": [
            {"instruction": "I want a lamp.", "instruction_attributes": ["led"], "instruction_options": ["red", "s"]},
            {"instruction": "No attributes", "instruction_attributes": [], "instruction_options": []},
        ],
        "other": [],
    }
    (goal,) = human_goals([product(), product("B")], records, seed=0)
    assert goal.instruction.startswith("I want a lamp, and price lower than ")
    assert goal.options == ("red", "s")
    assert goal.option_names == ()
    assert goal.weight == 1.0
    assert said(goal.instruction) == "i want a lamp"
    with pytest.raises(DataError, match="instruction 0 of product A lacks something"):
        human_goals([product()], {"A": [{}]}, seed=0)


def test_files_of_human_goals(tmp_path: Path) -> None:
    index, records = tmp_path / "human_goals.json", tmp_path / "items_human_ins.json"
    index.write_text(json.dumps(["I want a lamp", "Another one", "i want a lamp."]), encoding="utf-8")
    records.write_text(json.dumps({"A": []}), encoding="utf-8")
    assert read_human_index(index) == {"i want a lamp": 0, "another one": 1}
    assert read_human_instructions(records) == {"A": []}
    with pytest.raises(DataError, match="not a list of texts"):
        read_human_index(records)
    with pytest.raises(DataError, match="does not hold an object"):
        read_human_instructions(index)
    with pytest.raises(DataError, match=r"the file of human (goals|instructions) is missing"):
        read_human_index(tmp_path / "none.json")


def test_the_order_is_pythons_shuffle_with_seed_233() -> None:
    goals = synthetic_goals([product(str(i)) for i in range(5)], seed=0)
    order = list(range(len(goals)))
    random.Random(233).shuffle(order)
    assert shuffled(goals) == [goals[i] for i in order]


@needs_published_files
def test_the_published_set_gives_6910_goals_from_415_products() -> None:
    goals = published().build().goals
    assert len(goals) == 6910
    assert len({goal.asin for goal in goals}) == 415
    assert goals[0].asin == "B0743JKHBV"
    assert goals[0].instruction.startswith(
        'Find me double sided, machine washable decorative pillows with printing technology with size: 28" x 28"'
    )


@needs_published_files
def test_the_published_index_of_human_goals() -> None:
    index = read_human_index(HUMAN_GOALS)
    assert index["i need a long clip-in hair extension which is natural looking"] == 0
    assert max(index.values()) <= 12_086
