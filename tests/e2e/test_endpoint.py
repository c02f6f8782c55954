"""A whole evaluation of a model behind an endpoint by the command line, where torch cannot be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.config import load
from mem1.errors import ConfigError
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.recipe import Recipe
from mem1.runtime.build import build
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir
from tests.unit.inference.endpoint_server import Model, Server, script

RECIPE = Path(__file__).parents[2] / "recipes" / "endpoint.toml"
KEY = "sk-test-0123456789abcdef"
WITHOUT_TORCH = """
import sys
for name in ("torch", "transformers", "safetensors"):
    sys.modules[name] = None  # importing it raises
from mem1.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def policy(context: str) -> str:
    """One search, then an answer that is right now and then."""
    if "Turns left" not in context:
        return "<think> I look it up </think>\n<search> capital </search>"
    return "<think> found </think>\n<answer> Lima </answer>"


def test_an_endpoint_is_evaluated_without_torch(tmp_path: Path) -> None:
    with Server(Model(ByteTokenizer(), script(ByteTokenizer(), policy))) as server:
        words = ["evaluate", str(RECIPE), "--json", "--run", str(tmp_path / "run"), "--engine.base_url", server.url]
        words += ["--evaluate.horizons", "[1, 2]", "--evaluate.tasks", "3", "--evaluate.resamples", "100"]
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, *words],
            capture_output=True,
            text=True,
            env=os.environ | {"OPENAI_API_KEY": KEY},
            check=False,
        )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [(row["tasks"], row["strategy"]) for row in rows] == [
        (f"parallel-{n}", strategy) for n in (1, 2) for strategy in ("full", "window", "state")
    ]
    assert all(row["turns"] == 2 and row["answer_rate"] == (1.0 if row["tasks"].endswith("1") else 0.5) for row in rows)

    run = RunDir.open(tmp_path / "run")
    episodes = list(read_episodes(run.episodes("evaluation", compressed=True)))
    assert len(episodes) == 18
    for episode in episodes:
        usage = episode.usage
        assert usage is not None
        assert usage.calls == len(episode.turns) == 2
        assert usage.cost == pytest.approx(
            (
                (usage.prompt_tokens - usage.cached_tokens) * 0.15
                + usage.cached_tokens * 0.075
                + usage.completion_tokens * 0.60
            )
            / 1e6
        )
        assert not any(turn.exact for turn in episode.turns)
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"
    assert KEY not in done.stdout + done.stderr
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


def test_a_missing_key_is_told_before_anything_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert main(["evaluate", str(RECIPE), "--run", str(tmp_path / "run")]) == ConfigError.exit_code
    assert "OPENAI_API_KEY is not set" in capsys.readouterr().err


def test_what_has_no_weights_here_is_not_trained() -> None:
    with pytest.raises(ConfigError, match="'openai' writes with weights that are not here") as caught:
        build(load(Recipe, RECIPE), trains=True)
    assert caught.value.where == "engine.type"
