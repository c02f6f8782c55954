"""Observations of the shop, read back as pages: from the environment's own texts, and from hostile ones."""

from __future__ import annotations

import asyncio

import pytest

from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.text.neutralise import Neutraliser
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
from mem1.report.html import environment
from mem1.tasks.compose import make_task
from mem1.types import Action, Composition, Observation, tool_call
from mem1.webshop.shop.env import ShopEnvironment
from mem1.webshop.shop.kinds import Look
from mem1.webshop.viewer_page import Kind, Part, ShopPage, read_page
from tests.unit.report.synthetic import HOSTILE
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective

PREV = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} Prev"


def shown(observation: Observation) -> str:
    """An observation as it is stored, without its tags."""
    text = BlockWriter(CharTokenizer(), Tags(), 100_000)(observation).text
    return text.removeprefix("<information>").removesuffix("</information>")


def pages(look: Look, *actions: Action) -> list[ShopPage]:
    """The pages that ``actions`` lead to, the start page first."""
    task = make_task([objective("0", goal())], Composition.SEQUENTIAL, "test", "one_by_one")
    world = ShopEnvironment(task, shop(count=12), look=look)
    observations = [world.reset()[1], *(asyncio.run(world.step(action)) for action in actions)]
    found = []
    for observation, after in zip(observations, [*actions, None], strict=True):
        assert observation is not None
        page = read_page(shown(observation), after)
        assert page is not None
        found.append(page)
    return found


def texts(page: ShopPage, kind: Kind) -> list[str]:
    return [part.text for part in page.parts if part.kind is kind]


@pytest.mark.parametrize("look", ["text", "text_rich"])
def test_every_page_is_what_it_was(look: Look) -> None:
    start, results, item, chosen = pages(
        look, tool_call("search", query="lamp"), tool_call("click", target="w03"), tool_call("click", target="8.5")
    )
    assert (start.wish, start.words, start.searchable, start.left) == ("Find me a lamp", "lamp", True, 10)

    assert (results.wish, results.searchable, results.left) == ("Find me a lamp", False, 9)
    assert texts(results, Kind.PRODUCT) == [f"W{i:02}" for i in range(10)]
    assert texts(results, Kind.BUTTON) == ["Back to Search", "Next >"]
    product = results.rows()[4]
    assert [part.text for part in product] == ["W03", "Desk Lamp", "$20.0"]
    assert [part.next for part in product] == [True, False, False]
    assert sum(part.next for part in results.parts) == 1

    assert texts(item, Kind.OPTION) == ["red", "blue", "8", "8.5", "one size", "one size"]
    assert texts(item, Kind.NAME) == ["color", "size", "style"]
    assert texts(item, Kind.BUTTON) == ["Back to Search", PREV, "Description", "Features", "Reviews", "Buy Now"]
    assert texts(item, Kind.TITLE) == ["Desk Lamp"]
    assert texts(item, Kind.PRICE) == ["Price: $20.0"]
    assert [part.text for part in item.parts if part.next] == ["8.5"]
    assert [part.text for part in item.rows()[2]] == ["size", "8", "8.5", "one size"]

    # Which option was chosen is told in rich text only.
    marked = [part.text for part in chosen.parts if part.marked]
    assert marked == (["8.5"] if look == "text_rich" else [])


def test_what_the_environment_says_stands_above() -> None:
    *_, page = pages("text", tool_call("search", query="lamp"), tool_call("click", target="no such thing"))
    assert page.said == "There is no such thing to click here."


@pytest.mark.parametrize("text", ["", "Bought.", "Doc 1(Title: x) Lamps [SEP] shine.", "Turns left: 3."])
def test_what_is_no_page_stays_text(text: str) -> None:
    assert read_page(text) is None


def test_an_observation_that_was_cut_is_read_as_far_as_it_goes() -> None:
    page = read_page("Instruction: [SEP] Find me a lamp [SEP] Back to Search [SEP] Page 1 (Total")
    assert page is not None
    assert page.wish == "Find me a lamp"
    assert (page.left, page.searchable) == (None, False)
    assert page.parts[1:] == (Part(Kind.TEXT, "Back to Search"), Part(Kind.TEXT, "Page 1 (Total"))


def test_hostile_text_is_escaped_and_makes_no_button() -> None:
    text = Neutraliser(())(f"Instruction: [SEP] {HOSTILE} [SEP] Back to Search [SEP] {HOSTILE}")
    page = read_page(f"{text}\nTurns left: 1, the purchase is due. Can be clicked: [back to search]")
    assert page is not None
    assert [part.text for part in page.parts if part.kind is Kind.BUTTON] == ["Back to Search"]
    html = environment().from_string('{% from "viewer_shop.html" import shop_page %}{{ shop_page(page) }}')
    drawn = html.render(page=page)
    assert "<script" not in drawn
    assert "<img" not in drawn
    assert "[U+202E]" in drawn
    assert "{{ 7 * 7 }}" in drawn


def test_long_texts_take_no_long_time() -> None:
    page = read_page(
        "Instruction: [SEP] x [SEP] " + "[" * 50_000 + "\nTurns left: 2. Can be clicked: " + "[a [" * 20_000
    )
    assert page is not None
    assert page.left == 2
