"""``mem1 run "task"``: an agent of bounded memory on any engine, with the tools that are enabled, until it answers."""

from __future__ import annotations

import argparse
import asyncio
import re
import time
from pathlib import Path
from typing import Any

from mem1.cli import output
from mem1.cli.agent_options import add_options, overrides_of
from mem1.cli.arguments import INTERRUPTED, Parser
from mem1.errors import ConfigError, DataError, IncompleteError
from mem1.text import decoded


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.usage = (
        f'{parser.prog} "TASK" ... [--url URL --model NAME] [--files DIR] [options] [--section.key value ...]'
    )
    parser.epilog = (
        "A session is a folder: given again with --session DIR it goes on where it was left, whatever stopped it; "
        "further tasks join its queue. Every key of the settings is a flag (docs/run.md lists them)."
    )
    parser.add_argument(
        "task", metavar="TASK", nargs="*", help="what is to be done; several are done one after another"
    )
    parser.add_argument("--tasks", metavar="FILE", type=Path, help="further tasks, one a line")
    parser.add_argument("--session", metavar="DIR", type=Path, help="the session's folder (default: new, in sessions/)")
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings as TOML, for a new session")
    add_options(parser)
    parser.add_argument("--again", action="store_true", help="let tasks that a limit or a failure ended go on")
    parser.add_argument(
        "--dry-run", action="store_true", help="say how many turns, tokens and how much money it can take"
    )
    parser.add_argument("--stay", action="store_true", help="wait for further tasks when all are done")


def run(arguments: argparse.Namespace) -> int:
    """Queue the tasks, work until all are over, print what came of them."""
    from mem1.run.session import check_tasks
    from mem1.run.start.open import open_session  # pydantic and what it brings: not for --help

    texts = [*arguments.task, *_from_file(arguments.tasks)]
    check_tasks(texts)
    if not texts and arguments.session is None:
        raise ConfigError("what is to be done?", where="mem1 run", hint='mem1 run "a task", or --session DIR to go on')
    if arguments.dry_run:
        return _dry_run(arguments, texts)
    folder = arguments.session or _new_folder(texts[0])
    config, first = open_session(folder, arguments.config, overrides_of(arguments), texts, again=arguments.again)
    if config is None:
        output.note(f"queued: the process that works in {folder} takes it up")
        return 0
    return _work(arguments, folder, config, first)


def _dry_run(arguments: argparse.Namespace, texts: list[str]) -> int:
    from mem1.run.start.forecast import forecast
    from mem1.run.start.open import settings_of, waiting

    config = settings_of(arguments.session, arguments.config, overrides_of(arguments))
    queue = waiting(arguments.session, again=arguments.again)
    output.show(forecast(config, [*queue, *texts]), as_json=arguments.json, title="mem1 run could take")
    if getattr(config.engine, "prices", None) is None:
        output.note("money: give what a million tokens cost, --engine.prices.input X --engine.prices.output Y")
    return 0


def _work(arguments: argparse.Namespace, folder: Path, config: Any, first: int) -> int:
    from mem1.cli.live import Display
    from mem1.run.session import work
    from mem1.run.start.open import outcome
    from mem1.run.start.window import with_window

    output.note(f"session: {folder}")
    try:
        with Display(quiet=arguments.json) as display:
            found = asyncio.run(with_window(config, display.note))
            asyncio.run(work(folder, found, display, stay=arguments.stay))
    except KeyboardInterrupt:
        output.note(f"\nstopped; it goes on with: mem1 run --session {folder}")
        return INTERRUPTED
    tasks = outcome(folder, first)
    output.show({"session": str(folder), "tasks": tasks}, as_json=True) if arguments.json else _print(tasks)
    unfinished = [task for task in tasks if task["status"] != "answered"]
    if unfinished:
        what = "; ".join(f"task {task['number']} ended: {task['stop'] or task['error']}" for task in unfinished)
        if arguments.json:
            return IncompleteError.exit_code
        raise IncompleteError(
            what, where=str(folder), hint=f"raise the limit and go on: mem1 run --session {folder} --again"
        )
    return 0


def _print(tasks: list[dict[str, Any]]) -> None:
    for task in tasks:
        output.text(f"\n{task['text']}" if len(tasks) > 1 else "", dim=True)
        output.text(task["answer"] or f"(no answer: {task['stop'] or task['error']})")
        for source in task["sources"]:
            output.text(f"  [{source['address']}] {source['source']}", dim=True)
        if task["unknown_sources"]:
            output.warn(f"the answer names addresses that there are not: {', '.join(task['unknown_sources'])}")


def _from_file(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the tasks: {error.strerror}", where=str(path), hint="give a text file") from error
    return [line for line in decoded(data, str(path)).splitlines() if line.strip()]


def _new_folder(task: str) -> Path:
    words = "-".join(re.findall(r"[a-z0-9]+", task.lower())[:5])[:40]
    return Path("sessions") / "-".join(filter(None, (time.strftime("%Y%m%d-%H%M%S"), words)))
