"""Shopping through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.config import build
from mem1.errors import ConfigError
from mem1.recipe import Recipe

RECIPES = Path(__file__).parents[2] / "recipes"


def test_the_shopper_is_evaluated_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    settings = ("evaluate.tasks=4", "evaluate.horizons=[1,3]", "evaluate.session_objectives=0", "source.products=60")
    words = ["evaluate", str(RECIPES / "webshop.toml"), "--run", str(run), "--json"]
    for setting in settings:
        words += ["--set", setting]
    assert main(words) == 0
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert [(row["tasks"], row["strategy"]) for row in rows] == [
        ("sequential-1", "full"), ("sequential-1", "state"), ("sequential-3", "full"), ("sequential-3", "state"),
    ]  # fmt: skip
    for row in rows:
        assert row["score"] > 0.8
        assert row["answer_rate"] == 1.0
        assert row["scored by"] == (
            "webshop: own (seed 0), 60 products, synthetic goals, split by_product; strict mode, search lucene top 50, "
            "nouns content_words; 10 steps a goal"
        )
    assert rows[0]["reward"] == rows[1]["reward"]  # the shopper's page holds all it needs
    assert rows[3]["peak"] < rows[2]["peak"] / 2
    assert main(["report", str(run), "--json"]) == 0
    report = (run / "report.md").read_text(encoding="utf-8")
    assert "### Shopping: evaluation" in report
    assert "60 products, synthetic goals" in report


def test_the_shipped_policy_buys_one_thing_after_the_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = []
    for model in ("builtin:webshop-warm", "builtin:webshop-tiny"):
        words = ["evaluate", str(RECIPES / "webshop-tiny.toml"), "--run", str(tmp_path / model[8:]), "--json"]
        words += ["--set", f"model={model}", "--evaluate.tasks", "8", "--evaluate.horizons", "[2]"]
        assert main([*words, "--evaluate.strategies", '["state"]']) == 0
        (row,) = json.loads(capsys.readouterr().out.splitlines()[-1])
        scores.append(row["score_per_objective"])
    before, after = scores
    assert before < 0.6 < after  # 64 sessions: 0.42 and 0.84


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"env": {"type": "webshop"}}, "go together"),
        ({"source": {"type": "webshop"}}, "go together"),
        ({"model": "builtin:shopper"}, "shops in env.type"),
        (
            {"model": "builtin:shopper", "source": {"type": "webshop"}, "env": {"type": "webshop", "form": "brackets"}},
            "observation",
        ),
    ],
)
def test_recipes_that_are_not_whole(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(Recipe, settings, where="test")


CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "shop"


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize("name", ["opt_buttons", "asin_lower", "bullet_null"])
def test_the_shopper_buys_what_could_not_be_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    recipe = Path(__file__).resolve().parents[2] / "recipes" / "webshop.toml"
    files = {"items": f"shop_{name}.json", "attributes": f"shop_{name}_ins.json"}
    words = [f"--source.{key}={CASES / file}" for key, file in files.items()]
    words += ["--evaluate.horizons=[1]", "--evaluate.tasks=2", "--evaluate.session_objectives=0"]
    words += ["--set", "split=train", "--set", "evaluate_split=train", "--run", str(tmp_path / "run"), "--json"]
    assert main(["evaluate", str(recipe), *words]) == 0
    assert {row["success"] for row in json.loads(capsys.readouterr().out)} == {1.0}
