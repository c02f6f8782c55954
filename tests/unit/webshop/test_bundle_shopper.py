"""The rule-based shopper with bundles: what it reads and writes down, what it reaches, and that memory is needed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from benchmarks.bundles import Forgetful, figures, play
from mem1.inference.scripted.pages import pages_under
from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_gated import GatedStateMemoryConfig
from mem1.memory.strategies.state_gated import edited as edited_page
from mem1.rollout.demonstrations import demonstrate
from mem1.types import Episode
from mem1.webshop.bundle_pages import paid, referred
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.lessons import shop_lesson
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shopper import Shopper, Wish, read_wish

TOKENIZER = WordTokenizer()
SAID = "Find me a lamp with color: same as thing 2, and size: 8, and price within what is left of 50.00 dollars"


def test_a_wish_of_a_bundle_is_read_with_what_was_bought() -> None:
    things = [{"color": "red"}, {"color": "blue", "size": "9"}]
    known = Wish("lamp blue 8", (("color", "blue"), ("size", "8")), 37.5, 50.0, {"color": 2})
    assert read_wish(SAID, things, 12.5) == known
    assert read_wish(SAID).options == (("color", "same as thing 2"), ("size", "8"))
    assert read_wish(SAID, [{}, {"size": "9"}]).options[0] == ("color", "same as thing 2")


@pytest.mark.parametrize("objectives", [2, 4])
def test_told_the_products_it_buys_everything(objectives: int) -> None:
    found = figures(play(WebshopConfig().build(), objectives, 6, Shopper, told=True))
    assert (found["success"], found["r_link"], found["r_price"], found["unbroken"]) == (1.0, 1.0, 1.0, 1.0)


def test_whoever_forgets_what_was_bought_loses_the_wishes_that_speak_of_it() -> None:
    shop = WebshopConfig().build()
    keeping, forgetting = (figures(play(shop, 4, 8, kind, told=True)) for kind in (Shopper, Forgetful))
    assert keeping["r_link"] == 1.0
    assert forgetting["r_link"] <= 0.25
    assert forgetting["r_type"] == keeping["r_type"] == 1.0


def lesson(memory: MemoryConfig, objectives: int = 3, **more: Any) -> list[Episode]:
    source, env = WebshopConfig().build(), WebshopEnvConfig(prompt="brief", shown=4)
    asked: dict[str, Any] = {"seed": 0, "products": 60, "real": 0.0, "count": 4, "bundles": True, **more}
    made = shop_lesson(source, env, 0, objectives=objectives, pages=pages_under(memory), **asked)
    return demonstrate(made, memory.build(), TOKENIZER, label="b")


def options(page: str) -> set[str]:
    """The options of things on a page: ``(2) color teal``."""
    return {line.removeprefix("+") for line in re.split(r"[;|\n]|</?think>", page) if re.match(r"\+?\(\d+\) ", line)}


def test_a_page_holds_what_was_bought_and_what_is_left() -> None:
    episode = lesson(StateMemoryConfig())[0]
    first = next(turn for turn in episode.turns if turn.objective == 1)
    bought = [turn.state for turn in episode.turns if turn.objective == 0][-1]
    assert options(bought)
    assert options(bought) <= options(first.state)
    cost = re.search(r"It cost \$(\d+)\.", episode.turns[first.index - 1].observation or "")
    before = re.search(r"left (\d+);", bought)
    assert cost
    assert before
    left = int(before[1]) - int(cost[1]) - 1
    assert f" {before[1]}-{cost[1]}={left}| buy (2);" in first.state.replace(";", "", 1)
    assert f"left {left};" in first.state


@pytest.mark.parametrize("memory", [StateMemoryConfig(), GatedStateMemoryConfig(), FullMemoryConfig()])
def test_nothing_is_written_that_the_context_does_not_say(memory: MemoryConfig) -> None:
    # Whoever imitates a demonstration has its contexts alone: what a thing was bought with must stand there.
    for episode in lesson(memory, 4):
        assert episode.reward == 4.0
        for turn in episode.turns:
            context = TOKENIZER.decode(turn.prompt_token_ids)
            for fact in options(turn.state):
                number, _, option = fact.partition(") ")
                now = number == f"({turn.objective + 1}"
                assert (option if now else fact) in context, fact  # an option that is just clicked was to be chosen


def test_an_edited_page_is_the_rewritten_one() -> None:
    rewritten, edited = lesson(StateMemoryConfig()), lesson(GatedStateMemoryConfig())
    assert [len(one.turns) for one in rewritten] == [len(one.turns) for one in edited]
    for one, other in zip(rewritten, edited, strict=True):
        page: tuple[str, ...] = ()
        for turn, edit in zip(one.turns, other.turns, strict=True):
            page = edited_page(page, edit.state.removeprefix("<think>").removesuffix("</think>")) or ()
            lines = turn.state.partition("|")[2].removesuffix("</think>").rstrip(";").split(";")
            assert sorted(line.removeprefix("+") for line in page) == sorted(lines)
            assert turn.action_text == edit.action_text


def test_where_every_turn_is_kept_an_option_is_written_down_once() -> None:
    for episode in lesson(FullMemoryConfig(), 4):
        listed = [fact for turn in episode.turns for fact in options(turn.state.partition("|")[2])]
        assert len(listed) == len(set(listed)) >= 4


def test_bundles_are_shown_by_a_shopper_who_is_told_nothing() -> None:
    # A product is put back only by one who had to look.
    shown = lesson(StateMemoryConfig(), 4, count=12)
    assert any("not w" in turn.state for episode in shown for turn in episode.turns)


def test_a_share_of_the_turns_stumbles() -> None:
    def wrong(shown: list[Episode]) -> int:
        return sum(not all(turn.sampled_mask) for episode in shown for turn in episode.turns)

    assert wrong(lesson(StateMemoryConfig())) == 0
    assert wrong(lesson(StateMemoryConfig(), stumbles=0.5)) > 5


@pytest.mark.parametrize(("left", "cost", "rest"), [(220, 15.36, 204), (100, 100.0, 0), (30, 45.5, 0), (50, 20.0, 29)])
def test_what_is_left_is_never_too_much(left: int, cost: float, rest: int) -> None:
    assert paid(left, cost) == (rest, f"{left}-{int(cost)}={rest}")
    assert rest <= max(0, left - cost)


def test_only_things_that_were_bought_are_looked_up() -> None:
    things = [{"color": "red"}, {}]
    assert referred({"color": 1, "size": 1}, things) == ["(1) color red"]
    assert referred({"color": 2}, things) == referred({"color": 3}, things) == []
