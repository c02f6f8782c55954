"""``mem1 completion bash|zsh|fish``: a script that completes commands, options, keys of recipes and their names."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping, Sequence, Set
from typing import Any

from mem1.cli.arguments import Parser

_MANY = 100  # options: a command with more of them reads a recipe
SHELLS = ("bash", "zsh", "fish")


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    print(script(arguments.shell), end="")
    return 0


def script(shell: str) -> str:
    """The script for one of ``SHELLS``."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](*_words())


def _words() -> tuple[Mapping[str, str], Mapping[str, Sequence[str]], Mapping[str, Sequence[str]]]:
    """What each command is for, its options, and what it is given."""
    from mem1.cli.main import COMMANDS, module_of
    from mem1.cli.recipe_keys import sections
    from mem1.shipped import recipe_names

    keys = [f"--{key.key}" for section in sections(None) for key in section.keys]
    options: dict[str, Sequence[str]] = {}
    given: dict[str, Sequence[str]] = {}
    for name in COMMANDS:
        parser = Parser(prog=f"mem1 {name}", description="")
        command: Any = importlib.import_module(module_of(name))
        command.configure(parser)
        options[name] = sorted({*parser.own, *(keys if parser.reads_recipe else ())})
        given[name] = recipe_names() if parser.reads_recipe else parser.choices
    return COMMANDS, options, given


def _bash(commands: Mapping[str, str], options: Mapping[str, Sequence[str]], given: Mapping[str, Sequence[str]]) -> str:
    # A recipe's keys once, and not for every command that reads one: a script is handed on as one argument, too.
    keys = set.intersection(*(set(some) for some in options.values() if len(some) > _MANY))
    cases = "\n".join(f'    {name}) words="{_line(options[name], given[name], keys)}" ;;' for name in commands)
    return f"""\
# mem1 for bash: eval "$(mem1 completion bash)"
_mem1() {{
  local words="" current="${{COMP_WORDS[COMP_CWORD]}}"
  local keys="{" ".join(sorted(keys))}"
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{" ".join(commands)} --help --version"
  else
    case "${{COMP_WORDS[1]}}" in
{cases}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _mem1 mem1
"""


def _line(options: Sequence[str], given: Sequence[str], keys: Set[str]) -> str:
    """What can follow a command; ``keys`` by the variable that holds them."""
    if not keys <= set(options):
        return " ".join([*options, *given])
    return " ".join([*(option for option in options if option not in keys), *given, "$keys"])


def _zsh(commands: Mapping[str, str], options: Mapping[str, Sequence[str]], given: Mapping[str, Sequence[str]]) -> str:
    told = "\n".join(f"      {_quoted(f'{name}:{text}')}" for name, text in commands.items())
    cases = "\n".join(f"    {name}) found=({' '.join([*options[name], *given[name]])}) ;;" for name in commands)
    return f"""\
#compdef mem1
# mem1 for zsh: eval "$(mem1 completion zsh)", after compinit
_mem1() {{
  local -a found
  if (( CURRENT == 2 )); then
    found=(
{told}
    )
    _describe command found
    return
  fi
  case "${{words[2]}}" in
{cases}
  esac
  compadd -a found
  _files
}}
compdef _mem1 mem1
"""


def _fish(commands: Mapping[str, str], options: Mapping[str, Sequence[str]], given: Mapping[str, Sequence[str]]) -> str:
    lines = ["# mem1 for fish: mem1 completion fish > ~/.config/fish/completions/mem1.fish"]
    for name, text in commands.items():
        lines.append(f"complete -c mem1 -n __fish_use_subcommand -a {name} -d {_quoted(text)}")
        inside = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c mem1 {inside} -l {option.removeprefix('--')}" for option in options[name]]
        if given[name]:
            lines.append(f"complete -c mem1 {inside} -a {_quoted(' '.join(given[name]))}")
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In single quotes, for any of these shells."""
    return "'" + text.replace("'", "") + "'"
