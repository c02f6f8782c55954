"""Keys of a recipe as flags, and the command that lists them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.arguments import as_overrides
from mem1.cli.main import main
from mem1.errors import ConfigError

OWN = ("--run", "--resume", "--json", "--help")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--seed", "3"], ["--set", "seed=3"]),
        (["--seed=3"], ["--set", "seed=3"]),
        (["--model", "x", "--resume"], ["--set", "model=x", "--resume"]),
        (["--watch-tasks", "3"], ["--set", "watch_tasks=3"]),
        (["--train.steps", "-1"], ["--set", "train.steps=-1"]),
        (["--run", "DIR"], ["--run", "DIR"]),
        (["--name", "été"], ["--set", "name=été"]),
    ],
)
def test_every_key_is_a_flag(words: list[str], expected: list[str]) -> None:
    assert as_overrides(words, OWN) == expected


@pytest.mark.parametrize(
    ("words", "near"), [(["--resum"], "--resume"), (["--sed", "3"], "--seed"), (["--modell", "x"], "--model")]
)
def test_a_flag_that_is_none_is_told_the_nearest(words: list[str], near: str) -> None:
    with pytest.raises(ConfigError, match=rf"there is no option or key .*did you mean {near}\?"):
        as_overrides(words, OWN)


def test_a_recipe_is_composed_with_flags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("seed = 3\n[tasks]\ncount = 2\n")
    printed = []
    for words in ([], ["--seed", "4"], ["--seed", "3"], ["--unset", "tasks.count", "--tasks.count", "2"]):
        assert main(["compose", str(recipe), *words]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[2] == printed[3] != printed[1]
    assert main(["compose", str(recipe), "--unset", "tasks.cuont"]) == ConfigError.exit_code
    assert "did you mean 'tasks.count'?" in capsys.readouterr().err


def test_all_keys_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert len({row["key"] for row in listed}) > 250
    assert main(["recipe", "train.kl"]) == 0
    assert "coef = 0.0  # number >= 0" in capsys.readouterr().out
    assert main(["recipe", "trian"]) == ConfigError.exit_code


def test_a_schema_is_written_for_editors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "--schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert {"extends", "seed", "memory", "train"} <= schema["properties"].keys()
    out = tmp_path / "schema.json"
    assert main(["recipe", "--schema", "--out", str(out)]) == 0
    assert json.loads(out.read_text()) == schema
    assert main(["recipe", "--out", str(out)]) == ConfigError.exit_code
