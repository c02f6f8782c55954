"""The command ``mem1``: find the command's module, parse, call, and turn errors into exit codes."""

from __future__ import annotations

import difflib
import errno
import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, cast

from mem1 import __version__
from mem1.cli.arguments import INTERRUPTED, Parser
from mem1.cli.shell.examples import grouped
from mem1.errors import ConfigError, Mem1Error, StorageError
from mem1.threads import choose

if TYPE_CHECKING:
    import argparse

COMMANDS = {
    "run": "do a task of your own: an agent of bounded memory on any model, with your files and tools",
    "demo": "the whole story in minutes: warm start, reinforcement learning, evaluation, report",
    "train": "train a policy by reinforcement learning as a recipe says",
    "warmstart": "train a policy on an expert's demonstrations as a recipe says",
    "sweep": "run a command for each combination of settings and each seed",
    "distill": "collect demonstrations from a teacher, keeping its good episodes",
    "evaluate": "measure memory strategies on the same tasks over growing horizons",
    "compose": "print the tasks of a recipe as JSON lines",
    "recipe": "list every key that a recipe can hold, or write a JSON schema of it for editors",
    "index": "write the indexes of a large corpus: BM25 or dense, on disk",
    "export": "take the trained model out of a run, as a plain Hugging Face folder",
    "report": "write a run's report: one HTML file, Markdown and JSON",
    "runs": "list runs, or a row for each set of settings with its mean over seeds",
    "view": "read a run's episodes turn by turn",
    "views": "compare training views of rewritten contexts with what the policy saw",
    "serve": "run a service: passage search or MCP tools for programs, the web shop for people",
    "bench": "measure the speed figures that README claims",
    "doctor": "check this machine and this installation, and say how to mend what is wrong",
    "completion": "print a script that completes commands, options and keys in a shell",
}
_ELSEWHERE = {
    "serve": "mem1.cli.serving.serve",
    "completion": "mem1.cli.shell.completion",
    "runs": "mem1.cli.many.runs",
    "sweep": "mem1.cli.many.sweep",
}
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Command(Protocol):
    """What each module of this package besides the shared ones offers."""

    def configure(self, parser: Parser) -> None:
        """Add the command's arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0, an error's ``exit_code``, or 130 after Ctrl-C."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug, as_json = "--debug" in words, "--json" in words
    choose()
    try:
        code = _dispatch(words)
        sys.stdout.flush()
        return code
    except Mem1Error as error:
        if debug:
            traceback.print_exc()
        return _fail(error, as_json=as_json)
    except ModuleNotFoundError as error:
        if debug or error.name is None or error.name.split(".")[0] == "mem1":
            raise
        from mem1.installed import missing_hint  # reads what is installed, which --help does not pay for

        missing = Mem1Error(
            f"the package {error.name!r} is not installed",
            where=f"mem1 {words[0]}",
            hint=missing_hint(error.name),
        )
        return _fail(missing, as_json=as_json)
    except KeyboardInterrupt:
        if debug:
            traceback.print_exc()
        _say_interrupted(as_json=as_json)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (`mem1 compose ... | head`); keep the interpreter's last flush quiet.
        _silence()
        return 0
    except OSError as error:
        if debug or error.errno not in _NO_ROOM:
            raise
        _silence()
        full = StorageError(
            f"cannot write: {error.strerror}", where=f"mem1 {words[0]}", hint="free some space, or write elsewhere"
        )
        return _fail(full, as_json=False)


def _silence() -> None:
    """Give up standard output: what is still to be flushed cannot be written, and the interpreter would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0
    if words[0] in ("-V", "--version"):
        return _version(as_json="--json" in words)
    name, *rest = words
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        raise ConfigError(
            f"no such command: {name!r}",
            where="mem1",
            hint=f"did you mean {near[0]!r}?" if near else "see mem1 --help",
        )
    command = cast("Command", importlib.import_module(module_of(name)))
    parser = Parser(prog=f"mem1 {name}", description=f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}.")
    command.configure(parser)
    return call(command, parser.parse(rest))


def call(command: Command, arguments: argparse.Namespace) -> int:
    """Run the command, with imports for its recipe where they were allowed."""
    with ExitStack() as held:  # what is imported here loads pydantic or rich, which `--help` does without
        if getattr(arguments, "allow_imports", False):
            from mem1.imports import imports

            held.enter_context(imports(True))
        if arguments.quiet or arguments.verbose:
            from mem1.progress import loud

            held.enter_context(loud("quiet" if arguments.quiet else "verbose"))
        if hasattr(arguments, "max_calls"):
            from mem1.metering import Meter, metering

            held.enter_context(metering(Meter(max_calls=arguments.max_calls, max_cost=arguments.max_cost)))
        return command.run(arguments)


def module_of(name: str) -> str:
    """The module of a command."""
    return _ELSEWHERE.get(name, f"mem1.cli.commands.{name}")


def _version(*, as_json: bool) -> int:
    if as_json:
        from mem1.storage.versions import versions

        print(json.dumps({"version": __version__, "versions": versions()}))
    else:
        print(f"mem1 {__version__}")
    return 0


def _fail(error: Mem1Error, *, as_json: bool) -> int:
    from mem1.cli.output import show_error  # rich: 0.1 s that a command without errors and `--help` do not pay

    show_error(error, as_json=as_json)
    return error.exit_code


def _say_interrupted(*, as_json: bool) -> None:
    what = "interrupted: everything finished so far is on disk"
    hint = "a command that writes a run goes on with: the same command with --run DIR --resume"
    print(f"\n{what}; {hint}", file=sys.stderr)
    if as_json:
        record = {"type": "Interrupted", "what": what, "where": None, "hint": hint}
        print(json.dumps({"error": record}), flush=True)


def usage() -> str:
    """The text of ``mem1 --help``."""
    commands = "\n\n".join(
        "\n".join([f"{title}:", *(f"  {name:<10}  {COMMANDS[name]}" for name in names)])
        for title, names in grouped(COMMANDS).items()
    )
    kinds = [kind for kind in Mem1Error.__subclasses__() if "exit_code" in vars(kind)]
    codes = ", ".join(f"{kind.exit_code} {kind.__name__}" for kind in sorted(kinds, key=lambda kind: kind.exit_code))
    return f"""\
mem1: train, evaluate and run language agents that work with constant memory.

usage: mem1 COMMAND [options]

{commands}

Each command explains itself: mem1 COMMAND --help. All know --json (for machines), --quiet, --verbose
and --debug (tracebacks). mem1 --version --json names what it runs on.
exit codes: 0 done, 1 failed, {codes}, {INTERRUPTED} interrupted"""


if __name__ == "__main__":
    sys.exit(main())
