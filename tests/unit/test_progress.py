"""One line on a terminal, a line every so often in a log; what matters is never cut."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from mem1.metering import Meter, metering
from mem1.progress import Reporter, loud, on, reporter, reporting, screen


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def nothing_asked() -> Iterator[None]:
    """A meter of the test's own: calls of other tests are not shown."""
    with metering(Meter()):
        yield


def shows(clock: Clock, screen: StringIO, **settings: object) -> Reporter:
    console = Console(file=screen, width=80, force_terminal=False)
    return Reporter(console, every=30.0, clock=clock, **settings)  # type: ignore[arg-type]


def test_the_line_says_all_works_and_the_time_left_of_the_outermost_that_moved() -> None:
    clock = Clock()
    some = shows(clock, StringIO())
    with some.work("step", 20, 2) as steps, some.work("episodes", 64) as episodes:
        clock.now += 40
        episodes.advance(16)
        assert some.line() == "step 2/20  episodes 16/64  40 s so far  2:00 left"  # 48 episodes at 2.5 s
        clock.now += 40
        steps.at(3, figures="reward 0.31  em 0.5")
        # 17 steps at 80 s, though the episodes would soon be done
        assert some.line() == "step 3/20  episodes 16/64  1:20 so far  22:40 left  reward 0.31  em 0.5"


@pytest.mark.parametrize("width", [20, 30, 40, 60, 79, 199])
def test_no_piece_is_cut_and_the_step_comes_first(width: int) -> None:
    clock = Clock()
    some = shows(clock, StringIO())
    counts = Meter(price=lambda prompt, cached, completion: 0.25)
    with metering(counts), some.work("step", 1000, 998) as steps, some.work("episodes", 64) as episodes:
        clock.now += 4000
        counts.begins()
        counts.ended(1000, 234, None)
        episodes.advance(3)
        steps.at(999, figures="reward 0.31  em 0.5  answered 1  state 41.2")
        whole = some.pieces()
        line = some.line(width)
    assert len(line) <= width
    assert line.startswith("step 999/1000")
    assert line == "  ".join(whole[: line.count("  ") + 1])
    if width >= 60:
        assert "1:06:40 so far" in line
    if width == 199:
        assert "0.25 USD" in line
        assert line.endswith("1 calls  1.2k tokens")


def test_a_log_gets_a_line_when_one_is_due_and_not_before() -> None:
    clock, screen = Clock(), StringIO()
    with shows(clock, screen).work("evaluate", 8) as work:
        for _ in range(7):
            clock.now += 10
            work.advance()
    assert screen.getvalue().splitlines() == [
        "evaluate 3/8  30 s so far  50 s left",
        "evaluate 6/8  1:00 so far  20 s left",
    ]


def test_a_log_gets_lines_while_nothing_moves() -> None:
    screen = StringIO()
    some = Reporter(Console(file=screen, width=80, force_terminal=False), every=0.3)
    with some.work("episodes", 8):
        time.sleep(1.2)
    assert "episodes 0/8" in screen.getvalue()


def test_a_log_file_is_written_beside_a_terminal_too(tmp_path: Path) -> None:
    clock, screen = Clock(), StringIO()
    log = tmp_path / "progress.log"
    some = Reporter(Console(file=screen, width=80, force_terminal=True), log=log, every=30.0, clock=clock)
    with some.work("step", 3) as work:
        clock.now += 31
        work.at(1)
        some.say("evaluation after step 1: em 0.5 " + "x" * 100)
    lines = [line.split("  ", 1)[1] for line in log.read_text(encoding="utf-8").splitlines()]
    told = "step 1/3  31 s so far  1:02 left"
    assert lines == [told, "evaluation after step 1: em 0.5 " + "x" * 100, told]
    assert "evaluation after step 1" in screen.getvalue()


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    some = Reporter(None, log=tmp_path / "absent" / "progress.log")
    with some.work("step", 3):
        some.say("hello")


def test_quiet_shows_nothing_and_verbose_more_often() -> None:
    with loud("quiet"):
        assert screen().quiet
        assert Reporter(screen()).console is None
    with loud("verbose"):
        clock, out = Clock(), StringIO()
        with Reporter(Console(file=out, width=80), clock=clock).work("step", 9) as work:
            clock.now += 6
            work.advance()
        assert out.getvalue().startswith("step 1/9")


def test_what_is_opened_on_the_same_console_joins_the_reporter_that_is_there() -> None:
    console = Console(file=StringIO())
    with reporting(Reporter(console)) as now:
        assert on(console) is now is reporter()
        assert on(Console(file=StringIO())) is not now
    assert reporter() is not now
    assert reporter().console is None


def test_retries_are_said_while_they_last() -> None:
    some = shows(Clock(), StringIO())
    counts = Meter()
    with metering(counts), some.work("evaluate", 8):
        with counts.tries(5) as again, counts.tries(5) as other:
            again(1)
            other(3)
            assert "retrying 3/5" in some.line()
        assert "retrying" not in some.line()
