"""``mem1 serve agentgym``: what it serves, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from mem1.cli.main import main
from mem1.serving import run as serving
from tests.unit.webshop.dropin.catalogue import written


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What would be served, in place of serving it."""
    made: list[Any] = []

    def run_app(make: Callable[[], Any], config: Any, *, on_start: Callable[[str], None]) -> None:
        made.append(make())
        on_start("http://127.0.0.1:36001")

    monkeypatch.setattr(serving, "run_app", run_app)
    return made


def test_the_recipes_shop_is_served(served: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items = written(tmp_path, 40)
    given = ["--source.items", str(items), "--source.attributes", str(tmp_path / "items_ins_v2_1000.json")]
    assert main(["serve", "agentgym", *given, "--room", "1", "--json"]) == 0
    assert '"agentgym": "http://127.0.0.1:36001"' in capsys.readouterr().out
    with TestClient(served[0], base_url="http://127.0.0.1") as http:
        assert [http.post("/create").json() for _ in range(2)] == [0, 1]
        assert http.get("/list_envs").json() == [1]  # there is room for one
        page, _ = http.post("/reset", json={"env_idx": 1, "session_id": 3}).json()
        assert page.startswith("WebShop [SEP] Instruction: [SEP] Find me ")
        step = http.post("/step", json={"env_idx": 1, "action": "search[lamp]"}).json()
        assert (step["reward"], step["done"]) == (0.0, False)
        assert http.get("/observation?env_idx=1").json() == step["state"]
        offered = http.get("/available_actions?env_idx=1").json()
        assert offered["clickables"][:2] == ["back to search", "next >"]


def test_other_rules_than_the_published_are_refused(served: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "agentgym", "--env.mode", "strict"]) == 2
    assert "the service has the published rules" in capsys.readouterr().err
    assert served == []
