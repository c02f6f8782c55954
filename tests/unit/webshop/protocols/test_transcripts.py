"""What MEM1's and verl-agent's own code was written down to say is said here too."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.webshop.shop.kinds import ProtocolName
from tests.unit.webshop.dropin.calls import digest
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.protocols.transcripts import FILE, PRODUCTS, player
from tests.unit.webshop.protocols.turns import shown


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shop"), PRODUCTS)


@pytest.mark.parametrize("name", ["mem1", "verl-agent"])
def test_what_was_written_is_answered_as_it_was(items: Path, name: ProtocolName) -> None:
    turns = 0
    for seed, index, played in json.loads(FILE.read_text(encoding="utf-8"))[name]:
        ours, total = player(items, name, seed, index), 0.0
        for text, page, done, reward in played:
            seen = ours.turn(text)
            total, turns = total + reward, turns + 1
            assert ours.metric("paid") == total
            if done:
                assert seen.done
            else:
                whole = shown(seen) if name == "mem1" else seen.passages[0]
                assert digest(whole) == page
    assert turns > 60
