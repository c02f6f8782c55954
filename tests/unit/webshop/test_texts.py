"""What a shop's tokenizer is trained on, and how few products a search may find."""

from __future__ import annotations

from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.demonstrations import Lesson
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.lessons import shop_lesson
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.texts import demonstration_texts

ENV = WebshopEnvConfig(prompt="brief", shown=3)


def lesson(number: int) -> Lesson:
    source = WebshopConfig(products=20).build()
    return shop_lesson(source, ENV, number, seed=0, products=20, real=0.0, objectives=1, count=2)


def test_texts_are_what_a_policy_reads_and_writes_turn_by_turn() -> None:
    texts = list(demonstration_texts([lesson(0), lesson(1)], StateMemoryConfig().build()))
    states, actions, pages = texts[::3], texts[1::3], texts[2::3]
    assert len(states) == len(actions) == len(pages)
    assert all(text.startswith("<think>") for text in states)
    assert all(text.startswith(("<search>", "<click>")) for text in actions)
    assert all(text.startswith("<information>") for text in pages)
    assert actions.count("<click> buy now</click>") == pages.count("<information>Bought.</information>") == 4
    assert sum("Find me" in page for page in pages) == len(pages) - 4


def test_a_search_finds_as_many_products_as_are_to_be_shown() -> None:
    source = WebshopConfig(products=60).build()
    few, many = WebshopEnvConfig(shown=3).open(source), WebshopEnvConfig().open(source)
    assert len(few.machine.search("easy")) == 3
    assert few.machine.search("easy") == many.machine.search("easy")[:3]
    assert "search lucene top 3," in few.label
    assert "search lucene top 50," in many.label
