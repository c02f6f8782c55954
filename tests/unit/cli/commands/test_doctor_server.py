from __future__ import annotations

import json

import pytest

from mem1.cli.main import main
from mem1.inference.tokenizers.utf8 import Utf8Tokenizer
from tests.unit.inference.endpoint_server import Model, Server, script


def test_the_doctor_reads_a_servers_window(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = Utf8Tokenizer()
    with Server(Model(tokenizer, script(tokenizer, lambda context: ""))) as server:
        server.pages["/v1/models"] = {"data": [{"id": "m", "max_model_len": 2048}]}
        assert main(["doctor", "--url", server.url, "--json"]) == 0
        found = {check["name"]: check["found"] for check in json.loads(capsys.readouterr().out)}
        assert found == {"models": "m", "window": "2,048 tokens (/models)"}
        server.pages.clear()
        assert main(["doctor", "--url", server.url, "--json"]) == 0
        assert [check["status"] for check in json.loads(capsys.readouterr().out)] == ["ok", "warn"]
