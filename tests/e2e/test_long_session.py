"""``mem1 run`` as a process that is killed at random: nothing is lost, nothing is done twice, memory stays flat."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("mcp")

from benchmarks.long_session import Session

_LONG = (pytest.mark.slow, pytest.mark.timeout(3600))


@pytest.mark.parametrize(
    ("last", "kills", "memory"),
    [
        (16, 2, "state"),
        pytest.param(1000, 20, "state", marks=_LONG),
        pytest.param(200, 8, "summary", marks=_LONG),
    ],
)
def test_a_process_that_is_killed_loses_nothing_and_does_nothing_twice(
    tmp_path: Path, last: int, kills: int, memory: str
) -> None:
    session = Session(tmp_path, last, memory=memory)
    assert session.kill(kills) == kills
    assert session.notes.read_text().split() == [str(n) for n in range(last)]
    task = session.task()
    assert (task["status"], task["answer"]) == ("answered", "all noted")
    assert max(session.contexts) <= session.bound


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_resident_memory_and_context_are_flat_over_a_thousand_turns(tmp_path: Path) -> None:
    session = Session(tmp_path, 1000, dying=0.0)
    memory: dict[int, int] = {}
    assert session.work(seen=lambda turn, kib: memory.__setitem__(turn, kib))
    last = max(memory)
    assert memory[last] - memory[last // 2] < 1024  # KiB: 2 a turn
    # Numbers have more digits later on.
    assert max(session.contexts[last // 2 :]) <= max(session.contexts[: last // 2]) + 16
