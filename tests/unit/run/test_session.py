"""The queue of a session: several tasks at once, one that waits for more, and one that stops in the middle."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.inference.base import Request
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.run.disk.records import Status
from mem1.run.disk.store import SessionStore
from mem1.run.session import work
from mem1.types import Completion
from tests.unit.run.scripted import by_number, settings


class Counting(ScriptedEngine):
    """Notes how many calls are in flight at the same time, and on which tasks."""

    def __init__(self, engine: ScriptedEngine) -> None:
        super().__init__(engine._write, engine.tokenizer)
        self.now = self.most = 0
        self.sessions: list[str] = []

    async def generate(self, request: Request) -> Completion:
        self.now, self.most = self.now + 1, max(self.most, self.now + 1)
        self.sessions.append(request.session)
        await asyncio.sleep(0.01)
        try:
            return await super().generate(request)
        finally:
            self.now -= 1


def queue(folder: Path, *texts: str) -> None:
    with SessionStore(folder) as store:
        for text in texts:
            store.add_task(text)


def answers(folder: Path) -> list[str | None]:
    with SessionStore(folder) as store:
        return [task.answer for task in store.tasks()]


def recalling(turns: int) -> ScriptedEngine:
    return by_number(lambda n, _: "<recall> it</recall>" if n < turns else "<answer> done </answer>")


@pytest.mark.parametrize(("at_once", "most"), [(1, 1), (3, 3)])
def test_so_many_tasks_are_done_at_once_and_no_more(tmp_path: Path, at_once: int, most: int) -> None:
    queue(tmp_path, "one", "two", "three", "four", "five")
    engine = Counting(recalling(3))
    asyncio.run(work(tmp_path, settings(tmp_path, at_once=at_once), lambda event: None, engine=engine))
    assert answers(tmp_path) == ["done"] * 5
    assert engine.most == most
    assert {engine.sessions.count(f"task-{number}") for number in range(1, 6)} == {4}


def test_tasks_one_at_a_time_are_done_in_their_order(tmp_path: Path) -> None:
    queue(tmp_path, "one", "two")
    engine = Counting(recalling(2))
    asyncio.run(work(tmp_path, settings(tmp_path), lambda event: None, engine=engine))
    assert engine.sessions == ["task-1"] * 3 + ["task-2"] * 3


def test_a_session_that_stays_takes_up_what_another_process_queues(tmp_path: Path) -> None:
    queue(tmp_path, "one")

    async def stay() -> None:
        running = asyncio.create_task(
            work(tmp_path, settings(tmp_path), lambda event: None, engine=recalling(1), stay=True)
        )
        await until(lambda: answers(tmp_path) == ["done"])
        assert not running.done()
        queue(tmp_path, "two")  # by a connection of its own, as another process has
        await until(lambda: answers(tmp_path) == ["done", "done"])
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(stay())


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.05)


def test_what_stops_several_at_once_leaves_each_where_it_was(tmp_path: Path) -> None:
    queue(tmp_path, "one", "two")
    config = settings(tmp_path, at_once=2)

    async def stopped() -> None:
        engine = Counting(recalling(6))
        running = asyncio.create_task(work(tmp_path, config, lambda event: None, engine=engine))
        await until(lambda: len(engine.sessions) >= 6)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(stopped())
    with SessionStore(tmp_path) as store:
        assert {task.status for task in store.tasks()} == {Status.RUNNING}
    asyncio.run(work(tmp_path, config, lambda event: None, engine=recalling(6)))
    with SessionStore(tmp_path) as store:
        assert [(task.answer, task.spent.turns) for task in store.tasks()] == [("done", 7), ("done", 7)]


def test_tools_without_room_in_the_prompt_are_found_and_called(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("the key is under the stone\n")
    queue(tmp_path, "where is the key?")
    contexts: list[str] = []
    acts = [
        "<find_tools> words in files</find_tools>",
        "<search_files> key</search_files>",
        "<answer> stone [r2]</answer>",
    ]

    def act(n: int, context: str) -> str:
        contexts.append(context)
        return acts[n]

    config = settings(tmp_path, told=0, tools={"files": (tmp_path / "files",)})
    asyncio.run(work(tmp_path, config, lambda event: None, engine=by_number(act)))
    assert answers(tmp_path) == ["stone [r2]"]
    assert "search_files" not in contexts[0]
    assert "<find_tools>" in contexts[0]
    found = re.search(r'\{"name": "search_files".*"query"', contexts[1])
    assert found, contexts[1]
    assert "the key is under the stone" in contexts[2]


def test_where_all_tools_are_told_of_there_is_nothing_to_find(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    queue(tmp_path, "a task")
    contexts: list[str] = []

    def act(n: int, context: str) -> str:
        contexts.append(context)
        return "<answer> so </answer>"

    config = settings(tmp_path, tools={"files": (tmp_path / "files",)})
    asyncio.run(work(tmp_path, config, lambda event: None, engine=by_number(act)))
    assert "search_files" in contexts[0]
    assert "find_tools" not in contexts[0]
