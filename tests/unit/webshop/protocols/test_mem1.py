"""MEM1's protocol against the released code, run unchanged; and by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.dropin.server import goal_from
from mem1.webshop.protocols.mem1 import is_whole
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.protocols.clients import Mem1Client
from tests.unit.webshop.protocols.turns import MEM1_SHAPES, Player, action, shown
from tests.unit.webshop.shop.shops import goal, shop

EPISODES = 300


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shop"), 40)


def compared(client: Mem1Client, number: int, rng: random.Random) -> tuple[int, set[float]]:
    """Play one goal on both sides; how many turns there were, and which rewards."""
    index = rng.randrange(client.manager.total_envs)
    said = client.begin(index)
    server = client.manager.envs[index].server
    wish: Goal = goal_from(server.goals[index])
    ours = Player(server.shop, wish, "mem1")
    assert said in ours.prompt
    assert ours.first is None
    total, turns = 0.0, 0
    for turns in range(1, 11):
        act = action(rng, ours.env.visit.clickables, wish)
        text = rng.choice(MEM1_SHAPES[: 4 if rng.random() < 0.7 else None]).format(act)
        before = ours.metric("valid") * (turns - 1)
        theirs, seen = client.turn(text), ours.turn(text)
        total += theirs["reward"]
        assert ours.metric("paid") == total, text
        assert round(ours.metric("valid") * turns - before) == theirs["valid"], text
        if theirs["done"]:
            assert seen.done, text
            break
        assert shown(seen) == theirs["observation"], text
        assert seen.done == (turns == 10)
    return turns, {total}


def test_the_released_code_says_the_same(items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client, rng = Mem1Client(items, monkeypatch), random.Random(0)
    turns, rewards = 0, set[float]()
    for number in range(EPISODES):
        count, found = compared(client, number, rng)
        turns, rewards = turns + count, rewards | found
    assert turns > 2 * EPISODES
    assert {-1.0, 0.0, 1.0} < rewards


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("<think>a</think><summary>b</summary><answer>c</answer>", True),
        ("<answer>c</answer> <summary>b</summary>\n<think>a</think>", True),
        ("<think>a</think><answer>c</answer>", False),
        ("<think>a</think><summary>b</summary><answer>c", False),
        ("<think>a</think><think>a</think><summary>b</summary><answer>c</answer>", False),
        ("<think>a<summary></think><summary>b</summary><answer>c</answer>", False),
        ("</think>a<think><summary>b</summary><answer>c</answer>", False),
    ],
)
def test_a_turn_is_three_blocks_each_once(text: str, whole: bool) -> None:
    assert is_whole(text) is whole


def test_a_broken_form_costs_one_and_ends_the_episode() -> None:
    ours = Player(shop("compat"), goal(), "mem1")
    assert ours.turn("<think>a</think><answer>search[lamp]</answer>").done
    assert (ours.metric("paid"), ours.metric("score"), ours.metric("bought")) == (-1.0, 0.0, 0.0)
    assert ours.env.answers == (None,)


def test_what_a_policy_is_shown_and_the_sign_that_means_another() -> None:
    ours = Player(shop("compat"), goal(), "mem1")
    assert "Instruction: Find me a lamp\nAvailable actions: search[<content>]" in ours.prompt
    turn = "<think>a</think><summary>b</summary><answer>{}</answer>"
    seen = shown(ours.turn(turn.format("search[lamp]")))
    assert seen.startswith("[HINT]You have 9 turns left.[/HINT]\n\nInstruction: [SEP] Find me a lamp [SEP] Back to")
    assert "\n\nCurrent available actions: ['click[back to search]', 'click[next >]', 'click[w00]'" in seen
    assert "Page 2 (Total results: 25)" in shown(ours.turn(turn.format("click[next &gt;]")))
    assert "Page 1 (Total results: 25)" in shown(
        ours.turn(turn.format("click[\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} prev]"))
    )
