"""``--allow-imports``: on every command that reads a recipe, and only there."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.cli.main import COMMANDS, main

READS_A_RECIPE = ("train", "warmstart", "distill", "evaluate", "compose", "index", "demo")


def help_of(words: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit):
        main([*words, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_whose_keys_are_flags_can_be_told_to_import(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ("--allow-imports" in help_of([command], capsys)) is ("--set KEY=VALUE" in help_of([command], capsys))


@pytest.mark.parametrize("command", READS_A_RECIPE)
def test_these_commands_read_one(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--allow-imports" in help_of([command], capsys)


@pytest.mark.parametrize("service", ["retrieve", "webshop"])
def test_a_service_that_reads_a_recipe_can_be_told_to_import(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--allow-imports" in help_of(["serve", service], capsys)


def test_without_it_the_reason_is_printed_and_with_it_the_part_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mem1_test_source.py").write_text(
        "from mem1.tasks.source_config import SourceConfig\n"
        "from mem1.types import Objective\n"
        "class Two:\n"
        "    name = 'two'\n"
        "    def objectives(self, split):\n"
        "        return [Objective(id=n, question=n + '?', answers=(n,), source='two') for n in 'ab']\n"
        "class TwoConfig(SourceConfig):\n"
        "    type: str = 'two'\n"
        "    def build(self):\n"
        "        return Two()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = tmp_path / "recipe.toml"
    recipe.write_text('[source]\ntype = "mem1_test_source:TwoConfig"\n[tasks]\ncount = 1\n')
    assert main(["compose", str(recipe)]) == 2
    refused = capsys.readouterr()
    assert "a recipe is data" in refused.err.replace("\n", " ")
    assert main(["compose", str(recipe), "--allow-imports"]) == 0
    assert '"question":"a?"' in capsys.readouterr().out
    assert main(["compose", str(recipe)]) == 2
