"""What the other projects' code said to some episodes, written down, to be said again where their code is not.

``python -m tests.unit.webshop.protocols.transcripts`` runs it once more and writes the file.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mem1.webshop.dropin.server import ServerSettings, ShopServer
from mem1.webshop.shop.kinds import ProtocolName
from tests.unit.webshop.dropin.calls import digest
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.dropin.test_clients import verl_manager
from tests.unit.webshop.protocols.clients import Mem1Client
from tests.unit.webshop.protocols.turns import MEM1_SHAPES, VERL_SHAPES, Player, action

FILE = Path(__file__).resolve().parents[3] / "data" / "webshop" / "protocols.json"
PRODUCTS = 160
SHOWN = 25


def player(items: Path, name: ProtocolName, seed: int, index: int) -> Player:
    """Our side of goal ``index`` of the goals in the order of ``seed``."""
    server = ShopServer(ServerSettings(items, seed=seed, nouns="content_words"))
    return Player(server.shop, server.goal(index), name)


def _mem1(items: Path, patch: pytest.MonkeyPatch) -> list[Any]:
    client, rng, found = Mem1Client(items, patch), random.Random(1), []
    for _ in range(SHOWN):
        index = rng.randrange(client.manager.total_envs)
        client.begin(index)
        turns = []
        for _ in range(10):
            act = action(rng, client.visit.clickables, client.visit.goal)
            text = rng.choice(MEM1_SHAPES[: 4 if rng.random() < 0.7 else None]).format(act)
            theirs = client.turn(text)
            turns.append([text, digest(theirs["observation"]), theirs["done"], theirs["reward"]])
            if theirs["done"]:
                break
        found.append([233, index, turns])
    return found


def _verl_agent(items: Path, patch: pytest.MonkeyPatch) -> list[Any]:
    patch.setattr(sys, "path", list(sys.path))
    manager, rng, found = verl_manager(items, train=False), random.Random(1), []
    worker = manager.envs._workers[0]._held.env
    for _ in range(SHOWN):
        manager.reset({})
        facts = [goal["instruction_text"] for goal in worker.server.goals]
        goal, turns = worker.visit.goal, []
        for _ in range(15):
            act = action(rng, worker.visit.clickables, worker.visit.goal)
            text = rng.choice(VERL_SHAPES[: 3 if rng.random() < 0.7 else None]).format(act)
            seen, rewards, dones, _ = manager.step([text, ""])
            turns.append([text, digest(seen["anchor"][0]), bool(dones[0]), float(rewards[0])])
            if dones[0]:
                break
        found.append([0, facts.index(goal.instruction), turns])
    return found


def main() -> None:
    """Run both and write down what they say."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        items = written(Path(folder), PRODUCTS)
        found = {"mem1": _mem1(items, patch), "verl-agent": _verl_agent(items, patch)}
    FILE.write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
