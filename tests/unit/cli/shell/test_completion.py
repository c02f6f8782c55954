"""Completion scripts know commands, options, keys and recipes; bash really completes with them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from mem1.cli.main import COMMANDS, main
from mem1.cli.shell.completion import SHELLS, script
from mem1.cli.shell.examples import EXAMPLES, grouped


def completed(*words: str) -> list[str]:
    line = " ".join(f"'{word}'" for word in ("mem1", *words))
    asked = (
        f"{script('bash')}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _mem1; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    )
    return subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_options_keys_and_recipes() -> None:
    assert completed("wa") == ["warmstart"]
    assert completed("train", "--train.optimizer.l") == ["--train.optimizer.lr"]
    assert completed("train", "dem") == ["demo"]
    assert completed("export", "--dt") == ["--dtype"]
    assert completed("export", "--train.st") == []
    assert completed("completion", "z") == ["zsh"]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_every_command_and_takes_the_script(shell: str) -> None:
    text = script(shell)
    assert all(name in text for name in COMMANDS)
    assert "train.optimizer.lr" in text
    if shutil.which(shell):
        assert subprocess.run([shell, "-n"], input=text, text=True, check=False).returncode == 0


def test_every_command_is_in_one_group_and_has_examples() -> None:
    told = [name for names in grouped(COMMANDS).values() for name in names]
    assert sorted(told) == sorted(COMMANDS)
    assert set(EXAMPLES) <= set(COMMANDS)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_stand_in_the_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert EXAMPLES[name][0] in capsys.readouterr().out
