"""The agent as tools: tasks that others give, waited for, gone on with, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import StorageError
from mem1.run.config import RunConfig
from mem1.run.disk.store import SessionStore
from mem1.run.service import AgentService
from mem1.storage.guards.lock import locked
from mem1.tools.base import ToolResult
from tests.unit.run.scripted import ScriptedConfig


def settings(tmp_path: Path, *acts: str, **changes: Any) -> RunConfig:
    script = tmp_path / "script"
    script.write_text("\n".join(acts))
    return RunConfig.model_validate({"engine": ScriptedConfig(script=script), **changes})


def use(folder: Path, config: RunConfig, *calls: tuple[str, dict[str, Any]]) -> list[ToolResult]:
    async def prepare() -> RunConfig:
        return config

    async def run() -> list[ToolResult]:
        async with AgentService(folder, prepare, lambda event: None) as tools:
            named: dict[str, Callable[..., Any]] = {tool.spec.name: tool for tool in tools}
            return [await named[name](arguments) for name, arguments in calls]

    return asyncio.run(run())


def test_a_task_is_done_and_answered_with_the_sources_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("the key is under the stone\n")
    acts = ("<search_files> key</search_files>", "<answer> under the stone [r1] [r7] </answer>")
    config = settings(tmp_path, *acts, tools={"files": (tmp_path / "files",)})
    (found,) = use(tmp_path / "session", config, ("do_task", {"task": "where?", "wait": 60}))
    assert found.text.splitlines() == [
        "under the stone [r1] [r7]",
        "[r1] search_files 'key'",
        'addresses that there are not: ["r7"]',
        "(task 1, 2 turns)",
    ]
    assert not found.failed


def test_who_does_not_wait_is_given_a_number_under_which_the_result_is_found(tmp_path: Path) -> None:
    config = settings(tmp_path, "<answer> so </answer>")
    first, second, none = use(
        tmp_path / "session",
        config,
        ("do_task", {"task": "x", "wait": 0}),
        ("task_result", {"number": 1, "wait": 60}),
        ("task_result", {"number": 9}),
    )
    assert first.text == "(task 1, 0 turns: not done yet; task_result waits for it)"
    assert second.text == "so\n(task 1, 1 turns)"
    assert (none.text, none.failed) == ("there is no task 9", True)


def test_a_task_without_an_answer_is_a_failure_that_says_why(tmp_path: Path) -> None:
    config = settings(tmp_path, "<recall> a</recall>", "<recall> b</recall>", limits={"turns": 2})
    (found,) = use(tmp_path / "session", config, ("do_task", {"task": "x", "wait": 60}))
    assert (found.text, found.failed) == ("no answer (task 1, 2 turns): turns", True)


def test_a_task_given_before_a_stop_is_done_when_the_session_is_served_again(tmp_path: Path) -> None:
    with SessionStore(tmp_path / "session") as store:
        store.add_task("given before")
    config = settings(tmp_path, "<answer> later </answer>")
    (found,) = use(tmp_path / "session", config, ("task_result", {"number": 1, "wait": 60}))
    assert found.text == "later\n(task 1, 1 turns)"


def test_an_engine_that_is_gone_is_told_and_the_task_waits_for_it(tmp_path: Path) -> None:
    config = settings(tmp_path, "<answer> so </answer>")
    gone = config.model_copy(
        update={"engine": _Gone(script=tmp_path / "script"), "limits": config.limits.model_copy(update={"patience": 0})}
    )
    (found,) = use(tmp_path / "session", gone, ("do_task", {"task": "x", "wait": 60}))
    assert (found.text, found.failed) == ("task 1 waits: the server is gone", True)
    (after,) = use(tmp_path / "session", config, ("task_result", {"number": 1, "wait": 60}))
    assert after.text == "so\n(task 1, 1 turns)"


class _Gone(ScriptedConfig):
    """An engine that cannot be asked."""

    def build(self, model: str) -> Any:
        from mem1.errors import BackendError

        engine = super().build(model)

        async def generate(request: Any) -> Any:
            raise BackendError("the server is gone")

        engine.generate = generate  # type: ignore[method-assign]
        return engine


def test_a_session_that_another_process_works_in_is_not_served_twice(tmp_path: Path) -> None:
    with locked(tmp_path / "session"), pytest.raises(StorageError, match="another process writes here"):
        use(tmp_path / "session", settings(tmp_path, "<answer> so </answer>"))
