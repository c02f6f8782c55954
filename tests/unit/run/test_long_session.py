"""Sessions that are killed again and again, with calls that fail: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.run.disk.records import Event, Status
from mem1.tools.base import Tool
from tests.unit.run.scripted import Giving, Noting, by_number, do


def _act(last: int) -> Callable[[str, str], str]:
    """Note the numbers below ``last``, one after another; look where nobody knows what came of a note."""

    def write(session: str, context: str) -> str:
        seen = context.split("Task:")[-1]
        pages = re.findall(r"<think> next (\d+) </think>", seen)
        n = int(pages[-1]) if pages else 0
        shown = seen.split("<information>")[-1] if "<information>" in seen else ""
        if f"noted {n}" in shown or f"{n} is there" in shown:
            n += 1
        doubtful = "Nobody knows" in shown
        act = "<answer> all noted </answer>" if n == last else f"<note> {n}</note>"
        return f"<think> next {n} </think>" + (f"<give> {n}</give>" if doubtful and n < last else act)

    return write


@pytest.mark.parametrize(
    ("last", "kills"), [(40, 6), pytest.param(1000, 20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_nothing_is_lost_and_nothing_done_twice(tmp_path: Path, last: int, kills: int) -> None:
    engine, chance, notes = by_number(lambda n, _: ""), random.Random(7), tmp_path / "notes"
    engine._write = _act(last)
    events: list[Event] = []

    def there(n: str) -> str:
        return f"{n} is there" if notes.exists() and n in notes.read_text().split() else f"{n} is missing"

    async def session(seconds: float | None) -> Status | None:
        tools: list[Tool] = [Noting(notes, lambda text: chance.random() < 0.1, seconds=0.001), Giving(there)]
        running = asyncio.create_task(do(tmp_path, engine, tools, limits={"turns": 10 * last}))
        done, _ = await asyncio.wait([running], timeout=seconds)
        if not done:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            return None
        events.extend(running.result()[1])
        return running.result()[0].status

    status = None
    for kill in range(kills + 1):
        status = asyncio.run(session(chance.uniform(0.05, 0.3) * last / 40 if kill < kills else None))
        if status is not None:
            break
    assert status is Status.ANSWERED
    assert notes.read_text().split() == [str(n) for n in range(last)]
    assert max(event.context for event in events) <= (events[-1].bound or 0)


def test_a_result_of_four_million_tokens_is_cut_kept_and_found_again(tmp_path: Path) -> None:
    text = "".join(f"entry {n} holds nothing\n" for n in range(650_000)) + "the needle is blue\n"
    assert len(text) > 4 * 4_000_000
    contexts: list[str] = []
    acts = ["<give> all</give>", "<give> little</give>", "<recall> needle blue</recall>"]

    def act(n: int, context: str) -> str:
        contexts.append(context)
        if n < 3:
            return acts[n]
        where = re.findall(r"\[(r1:\d+)\]", context)
        return f"<read_more> {where[0]}</read_more>" if n == 3 else "<answer> blue [r1] </answer>"

    give = Giving(lambda what: text if what == "all" else what)
    task, events = asyncio.run(do(tmp_path, by_number(act), [give], seconds=60.0))
    assert task.answer == "blue [r1]"
    assert "of 17," in contexts[1]
    assert "the needle is blue" in contexts[3]
    assert "the needle is blue" in contexts[4]
    assert all(event.context <= (event.bound or 0) for event in events)
