"""verl-agent's protocol against its own environments, projection and manager, run unchanged; and by hand."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pytest

from mem1.webshop.shop.visit import Visit
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.dropin.test_clients import verl_manager
from tests.unit.webshop.protocols.turns import VERL_SHAPES, Player, action, shown
from tests.unit.webshop.shop.shops import goal, shop

ROUNDS = 60


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shop"), 160)


def same_page(ours: Visit, seen: str, theirs: dict[str, Any], info: dict[str, Any], place: int) -> None:
    """The page and what can be done, as their manager puts them into its prompt."""
    page, _, actions = seen.removeprefix("\n").partition("\nAdmissible actions:\n")
    assert page == theirs["anchor"][place]
    assert f"Your admissible actions of the current situation are: \n[\n{actions}\n]." in theirs["text"][place]
    assert info["available_actions"]["clickables"] == list(ours.clickables)


def played(manager: Any, rng: random.Random) -> list[float]:
    """Play a goal in each of their two environments beside one of ours; what was paid."""
    theirs, infos = manager.reset({})
    visits = [worker._held.env.visit for worker in manager.envs._workers]
    ours = [Player(visit.shop, visit.goal, "verl-agent") for visit in visits]
    for place, player in enumerate(ours):
        assert manager.tasks[place] in player.prompt
        assert player.first is not None
        same_page(player.env.visit, shown(player.first), theirs, infos[place], place)
    over = [False, False]
    for turn in range(1, 16):
        texts = []
        for player, visit in zip(ours, visits, strict=True):
            act = action(rng, player.env.visit.clickables, visit.goal)
            texts.append(rng.choice(VERL_SHAPES[: 3 if rng.random() < 0.7 else None]).format(act))
        theirs, rewards, dones, infos = manager.step(list(texts))
        for place, player in enumerate(ours):
            if over[place]:
                continue
            before = player.metric("valid") * (turn - 1)
            seen = player.turn(texts[place])
            assert round(player.metric("valid") * turn - before) == infos[place]["is_action_valid"], texts[place]
            assert player.metric("paid") == rewards[place]
            assert player.metric("score") == infos[place]["task_score"]
            assert player.metric("success") == infos[place]["won"]
            over[place] = bool(dones[place])
            assert seen.done == (over[place] or turn == 15)
            if not over[place]:
                same_page(player.env.visit, shown(seen), theirs, infos[place], place)
    return [player.metric("paid") for player in ours]


def test_their_own_code_says_the_same(items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))  # their code adds a folder to it
    manager, rng = verl_manager(items, train=False), random.Random(0)
    paid = [reward for _ in range(ROUNDS) for reward in played(manager, rng)]
    assert set(paid) == {0.0, 10.0}
    manager.close()


def test_only_a_whole_success_is_paid() -> None:
    ours = Player(shop("compat"), goal(), "verl-agent")
    turn = "<think>a</think><action>{}</action>"
    for act in ("search[lamp]", "click[w00]", "click[red]"):
        assert not ours.turn(turn.format(act)).done
    assert ours.turn(turn.format("click[buy now]")).done
    assert ours.metric("score") == 0.8  # two attributes, one of two options, the price
    assert (ours.metric("paid"), ours.metric("success")) == (0.0, 0.0)


def test_a_turn_without_an_action_changes_nothing() -> None:
    ours = Player(shop("compat"), goal(), "verl-agent")
    before = shown(ours.turn("<think>a</think><action>search[lamp]</action>"))
    assert shown(ours.turn("I think the last twenty are click[w00]")) == before
    assert ours.metric("valid") == 0.5
