"""The shop as a task source: catalogues, goals, splits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from mem1.errors import DataError
from mem1.tasks.base import Source, Split
from mem1.tasks.compose import compose
from mem1.types import Composition, Objective
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop, goal_of
from tests.published import needs_published_files, published

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


def own(**settings: object) -> Webshop:
    return WebshopConfig.model_validate(settings).build()


def asins(shop: Webshop, split: Split) -> set[str]:
    return {objective.metadata["entity"] for objective in shop.objectives(split)}


def test_the_catalogue_of_our_own() -> None:
    shop = own()
    assert isinstance(shop, Source)
    assert shop.label == "own (seed 0), 300 products, synthetic goals, split by_product"
    assert len(shop.products) == 300
    assert {product.category for product in shop.products.values()} == {
        "beauty", "electronics", "fashion", "garden", "grocery",
    }  # fmt: skip
    assert len(shop.goals) == sum(len(shop.objectives(split)) for split in SPLITS) == 1699
    assert all(goal.attributes for goal in shop.goals)
    assert own().goals == shop.goals
    assert own(catalogue_seed=1).goals != shop.goals


def test_a_longer_catalogue_begins_with_the_shorter_one() -> None:
    assert list(own(products=20).products.values()) == list(own(products=50).products.values())[:20]


def test_whole_products_are_dealt_to_splits() -> None:
    shop = own()
    found = [asins(shop, split) for split in SPLITS]
    assert not found[0] & found[1]
    assert not found[0] & found[2]
    assert not found[1] & found[2]
    assert 15 <= len(found[2]) <= 45  # about one product in ten


@pytest.mark.parametrize(("rule", "sizes"), [("published", (199, 1000, 500)), ("mem1", (1199, 0, 500))])
def test_splits_by_index(rule: str, sizes: tuple[int, ...]) -> None:
    shop = own(splits=rule)
    assert tuple(len(shop.objectives(split)) for split in SPLITS) == sizes
    assert [o.id for o in shop.objectives("test")] == [f"webshop/synthetic/{i}" for i in range(500)]


def test_an_objective_holds_its_goal() -> None:
    shop = own(splits="mem1")
    objective = shop.objectives("test")[7]
    assert goal_of(objective) == shop.goals[7]
    assert objective.question == shop.goals[7].instruction
    assert objective.answers == (shop.goals[7].asin,)
    assert objective.metadata["shop"] == shop.label
    assert goal_of(Objective.model_validate_json(objective.model_dump_json())) == shop.goals[7]
    with pytest.raises(DataError, match="not a goal of a shop"):
        goal_of(Objective(id="x", question="?", answers=("y",), source="other"))


def test_an_instruction_gets_no_question_mark() -> None:
    (task,) = compose([own()], composition=Composition.SEQUENTIAL, objectives=2, count=1, seed=0, split="train")
    assert not any(objective.question.endswith("?") for objective in task.objectives)


def write(folder: Path, count: int) -> dict[str, object]:
    """Published files of ``count`` products with a human instruction each."""
    names = [f"P{i}" for i in range(count)]
    items = [
        {"asin": name, "name": f"Lamp {name}", "full_description": "", "small_description": [], "pricing": "$5",
         "category": "garden", "query": "lamps", "product_category": "Home", "customization_options": ""}
        for name in names
    ]  # fmt: skip
    human = {
        n: [{"instruction": f"Wish {n}.", "instruction_attributes": ["x"], "instruction_options": []}] for n in names
    }
    for file, value in (
        ("items.json", items),
        ("attributes.json", {}),
        ("human.json", human),
        ("index.json", [f"wish {name}" for name in reversed(names)]),
    ):
        (folder / file).write_text(json.dumps(value), encoding="utf-8")
    return {
        "items": folder / "items.json",
        "attributes": folder / "attributes.json",
        "human_instructions": folder / "human.json",
        "goals": "human",
    }


def test_human_goals_take_their_split_from_the_published_index(tmp_path: Path) -> None:
    files = write(tmp_path, 600)
    shop = own(**files, human_index=tmp_path / "index.json", splits="mem1")
    # The index lists the instructions backwards: P599 is number 0, P100 number 499.
    assert asins(shop, "test") == {f"P{i}" for i in range(100, 600)}
    assert asins(shop, "train") == {f"P{i}" for i in range(100)}
    assert shop.label == "items.json, 600 products, human goals, split mem1"
    assert len(own(**files, products=7, splits="mem1").objectives("test")) == 7


def test_a_human_goal_that_the_index_lacks(tmp_path: Path) -> None:
    files = write(tmp_path, 3)
    (tmp_path / "index.json").write_text('["wish P0"]', encoding="utf-8")
    with pytest.raises(DataError, match="2 human goals are not in the index"):
        own(**files, human_index=tmp_path / "index.json").objectives("test")


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"items": "x.json"}, "go together"), ({"goals": "human"}, "human goals need"), ({"products": 0}, "greater")],
)
def test_settings_that_contradict_each_other(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        WebshopConfig.model_validate(settings)


def test_a_catalogue_without_products(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_text("[]", encoding="utf-8")
    (tmp_path / "attributes.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="no product"):
        _ = own(items=tmp_path / "items.json", attributes=tmp_path / "attributes.json").products


@needs_published_files
def test_the_splits_of_the_published_set() -> None:
    shop = published().build()
    assert [len(shop.objectives(split)) for split in SPLITS] == [6410, 0, 500]
    assert asins(shop, "test") & asins(shop, "train")  # products leak between the two, as in the published runs
    apart = published(splits="by_product").build()
    assert not asins(apart, "test") & asins(apart, "train")
