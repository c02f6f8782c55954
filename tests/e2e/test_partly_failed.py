"""An evaluation of which some episodes fail, by the command line: told, compared fairly, resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.errors import IncompleteError
from mem1.inference.tokenizers.toy import ByteTokenizer
from tests.e2e.test_endpoint import KEY, RECIPE, policy
from tests.unit.inference.endpoint_server import Model, Reply, Server, script


def now_and_then(reply: Reply, number: int) -> Reply:
    """Every seventh request is refused for good."""
    return replace(reply, status=400, body=b'{"error": {"message": "no such adapter"}}') if number % 7 == 6 else reply


def test_it_says_what_failed_and_why_and_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run = tmp_path / "run"
    with Server(Model(ByteTokenizer(), script(ByteTokenizer(), policy)), fault=now_and_then) as server:
        words = ["--run", str(run), "--json", "--engine.base_url", server.url, "--engine.retries", "0"]
        words += ["--evaluate.horizons", "[1, 2]", "--evaluate.tasks", "8", "--evaluate.resamples", "100"]
        assert main(["evaluate", str(RECIPE), "--compare", '--evaluate.strategies=["full", "state"]', *words]) == (
            IncompleteError.exit_code
        )
        printed = capsys.readouterr()
        found = json.loads(printed.out)
        failed = found["failed"]
        assert 0 < failed < 32
        assert f"{failed} of 32 episodes failed (" in printed.err
        assert "no such adapter" in printed.err
        command = f"mem1 evaluate {run / 'config.toml'} --run {run} --resume && mem1 report {run}"
        assert command in printed.err
        assert command in found["findings"][0]

        by_place = {(cell["tasks"], cell["strategy"]): cell for cell in found["cells"]}
        for verdict in found["verdicts"]:
            key = f"{verdict['composition']}-{verdict['objectives']}"
            left = 8 - by_place[key, "full"]["failed"], 8 - by_place[key, "state"]["failed"]
            assert verdict["seconds"]["n"] <= min(left), "only tasks that both finished"
        for file in ("report.html", "report.md"):
            assert f"{failed} of 32 episodes failed" in (run / file).read_text()
        assert f"{failed} of 32 episodes failed" in json.loads((run / "report.json").read_text())["findings"][0]

        server.fault = lambda reply, number: reply
        for one in command.split(" && "):
            assert main(one.split()[1:]) == 0, "as it was told"
        assert "episodes failed" not in capsys.readouterr().err
        assert "episodes failed" not in (run / "report.md").read_text()
