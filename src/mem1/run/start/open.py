"""Opening a session: its settings, new or kept, and its queue; and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mem1.config import load
from mem1.errors import ConfigError, StorageError
from mem1.run.config import RunConfig
from mem1.run.disk.archive import Archive
from mem1.run.disk.store import FILE, SessionStore
from mem1.run.session import reopen, reopened
from mem1.storage.guards.lock import check_unlocked
from mem1.storage.run_dir import write_config
from mem1.tools.build import build_toolbox

CONFIG = "config.toml"


def open_session(
    folder: Path, path: Path | None, overrides: list[str], texts: list[str], *, again: bool = False, later: bool = False
) -> tuple[RunConfig | None, int]:
    """The settings of the session in ``folder``, and the number of the first of ``texts``, which were queued there.

    A session keeps the settings that it was begun with; ``overrides`` are laid on top and kept. ``None`` where another
    process works on it: it will take the tasks up. ``later``: tasks may come when it is at work.

    Raises ``ConfigError`` where there is no such session and nothing to begin one with, ``StorageError``.
    """
    new = not (folder / FILE).is_file()
    if new and not texts and not later:
        raise ConfigError("there is no session here", where=str(folder), hint='begin one: mem1 run "a task"')
    if not new:
        _keeps_its_settings(path)
    if new:
        config = load(RunConfig, path, _with_engine(path, overrides))  # before anything is written
        build_toolbox(config.tools)
    with SessionStore(folder) as store:
        busy = not new and _busy(folder)
        if busy and not texts:
            check_unlocked(folder)
        if busy and (again or load(RunConfig, folder / CONFIG, overrides) != load(RunConfig, folder / CONFIG)):
            raise ConfigError(
                "another process works here with the settings that it has, and takes up nothing but tasks",
                where=str(folder),
                hint="give the tasks alone, or wait until it is done",
            )
        if not new and not busy:
            config = load(RunConfig, folder / CONFIG, overrides)
            build_toolbox(config.tools)
        first = len(store.tasks()) + 1 if texts else 1
        if not busy:
            write_config(folder / CONFIG, config)
            if again:
                reopen(store)
        for text in texts:
            store.add_task(text)
    return (None if busy else config), first


def settings_of(folder: Path | None, path: Path | None, overrides: list[str]) -> RunConfig:
    """The settings that a session in ``folder`` has or would begin with; nothing is written. Raises ``ConfigError``."""
    if folder is not None and (folder / FILE).is_file():
        _keeps_its_settings(path)
        return load(RunConfig, folder / CONFIG, overrides)
    return load(RunConfig, path, _with_engine(path, overrides))


def waiting(folder: Path | None, *, again: bool) -> list[str]:
    """The tasks of a session in ``folder`` that are not over; with ``again`` also those that ended unanswered."""
    if folder is None or not (folder / FILE).is_file():
        return []
    with SessionStore(folder) as store:
        return [task.text for task in store.tasks() if not task.status.over or (again and reopened(task))]


def _keeps_its_settings(path: Path | None) -> None:
    if path is not None:
        raise ConfigError("a session keeps the settings that it was begun with", where="--config", hint="leave it out")


def outcome(folder: Path, first: int) -> list[dict[str, Any]]:
    """What came of the tasks from number ``first`` on, ready for JSON."""
    with SessionStore(folder) as store:
        tasks = [task for task in store.tasks() if task.number >= first]
        return [
            task.model_dump(mode="json", exclude={"prompt"})
            | {"consulted": [one.model_dump(mode="json") for one in Archive(store, task.number).seen()]}
            for task in tasks
        ]


def _busy(folder: Path) -> bool:
    try:
        check_unlocked(folder)
    except StorageError:
        return True
    return False


def _with_engine(path: Path | None, overrides: list[str]) -> list[str]:
    if path is None and not any(one.startswith(("engine.type=", "engine=")) for one in overrides):
        raise ConfigError(
            "which model is to do it?",
            where="mem1 run",
            hint="--url http://127.0.0.1:8080/v1 for a server (llama.cpp, vLLM, Ollama, LM Studio, hosted), or "
            "--engine.type transformers --model FOLDER",
        )
    return overrides
