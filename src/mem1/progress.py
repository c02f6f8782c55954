"""How far a command is: one line that changes on a terminal, a line every so often in a log.

There is one reporter at a time (``reporting``); whoever does something long opens a piece of work in it:

    with reporter().work("episodes", 64) as work:
        work.advance(figures="reward 0.31")

Works may lie in one another (a step, its episodes): all of them share the line. On a terminal what does not fit is left
out piece by piece from the right, so that nothing is cut: how much is done and how long it takes stand on the left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, RLock, Thread
from types import TracebackType
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mem1.metering import meter

Loudness = Literal["quiet", "normal", "verbose"]
EVERY: dict[Loudness, float] = {"quiet": float("inf"), "normal": 30.0, "verbose": 5.0}
"""Seconds between two lines of a log."""
_SHORT = 2.0  # seconds: what is over by then needs no line
_PAUSES = 0.25  # seconds between two looks at whether a line is due


class Work:
    """A piece of work: ``done`` of ``total``, and what else to say about it."""

    def __init__(self, reporter: Reporter, name: str, total: int, done: int) -> None:
        self.name = name
        self.total = total
        self.done = done
        self.figures = ""
        self._reporter = reporter
        self._first = done
        self._began = reporter.clock()

    def advance(self, count: int = 1, *, figures: str | None = None) -> None:
        """``count`` more are done."""
        self.at(self.done + count, figures=figures)

    def at(self, done: int, *, total: int | None = None, figures: str | None = None) -> None:
        """``done`` are done."""
        self.done = done
        self.total = self.total if total is None else total
        self.figures = self.figures if figures is None else figures
        self._reporter.changed()

    def seconds(self) -> float:
        """Since it began."""
        return self._reporter.clock() - self._began

    def left(self) -> float | None:
        """Seconds left, if it goes on as it went; ``None`` while nothing is known."""
        moved = self.done - self._first
        return (self.total - self.done) * self.seconds() / moved if moved > 0 else None

    def __str__(self) -> str:
        return f"{self.name} {self.done}/{self.total}"


class Reporter:
    """Shows works on a console and writes them to a log.

    Args:
        console: Where to: redrawn where it is a terminal, lines elsewhere; ``None`` for silence.
        log: A file that gets the lines in any case, appended.
        every: Seconds between two lines.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        console: Console | None,
        *,
        log: Path | None = None,
        every: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console = console if console is not None and not console.quiet else None
        self.clock = clock
        self._log = log
        self._every = EVERY[loudness()] if every is None else every
        self._works: list[Work] = []
        self._said = clock()
        self._lock = RLock()
        self._live: Live | None = None
        self._ticker: Thread | None = None
        self._over = Event()

    @property
    def drawn(self) -> bool:
        """Whether a line is redrawn, so that finished steps need none of their own."""
        return self.console is not None and self.console.is_terminal

    @contextmanager
    def work(self, name: str, total: int, done: int = 0) -> Iterator[Work]:
        """Something long, in what is going on already."""
        one = Work(self, name, total, done)
        with self._lock:
            if not self._works:
                self._said = self.clock()
                self._begin()
            self._works.append(one)
        try:
            yield one
        finally:
            with self._lock:
                if self._works == [one]:
                    self._append(self.line())  # how far it came, however it ends
                self._works.remove(one)
                last = not self._works
            if last:
                self._end()

    def changed(self) -> None:
        """Write a line where one is due."""
        with self._lock:
            if self._works and self.clock() - self._said >= self._every:
                self._write(self.line())

    def say(self, text: str) -> None:
        """A line of its own, at once."""
        with self._lock:
            self._said = self.clock()
            if self.console is not None:
                self.console.print(text, highlight=False, markup=False, soft_wrap=True)
            self._append(text)

    def note(self, text: str) -> None:
        """A line for logs: where one is redrawn, it says the same already."""
        with self._lock:
            self._write(text)

    def line(self, width: int | None = None) -> str:
        """How far all works are; within ``width`` columns, where that is given, as many whole pieces as fit."""
        pieces = self.pieces()
        line = pieces[0] if pieces else ""
        for piece in pieces[1:]:
            longer = f"{line}  {piece}"
            if width is not None and len(longer) > width:
                break
            line = longer
        return line if width is None or len(line) <= width else line[:width]

    def pieces(self) -> list[str]:
        """What there is to say, what matters most first."""
        with self._lock:
            works = list(self._works)
        if not works:
            return []
        outer, inner = works[0], works[-1]
        counts = meter()
        left = next((seconds for one in works if (seconds := one.left()) is not None), None)
        pieces = [str(outer), *(str(one) for one in works[1:]), f"{span(inner.seconds())} so far"]
        if left is not None:
            pieces.append(f"{span(left)} left")
        if counts.retrying:
            pieces.append(f"retrying {counts.retrying}")
        if counts.cost is not None:
            pieces.append(f"{counts.cost:.2f} {counts.currency}")
        for one in reversed(works):
            pieces += [piece for piece in one.figures.split("  ") if piece]
        if counts.calls:
            pieces += [f"{counts.calls:,} calls", f"{short(counts.tokens)} tokens"]
        return pieces

    # ------------------------------------------------------------ how it gets out

    def _begin(self) -> None:
        if self.console is None and self._log is None:
            return
        self._over.clear()
        if self.drawn:
            self._live = Live(get_renderable=self._rendered, console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        self._ticker = Thread(target=self._tick, name="progress", daemon=True)
        self._ticker.start()

    def _end(self) -> None:
        self._over.set()
        if self._ticker is not None:
            self._ticker.join()
            self._ticker = None
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _tick(self) -> None:
        while not self._over.wait(_PAUSES):
            self.changed()

    def _rendered(self) -> Text:
        assert self.console is not None
        if self._works and self._works[0].seconds() < _SHORT:
            return Text("")
        return Text(self.line(self.console.width - 1), no_wrap=True)

    def _write(self, line: str) -> None:
        self._said = self.clock()
        if self.console is not None and not self.drawn:
            self.console.print(line, highlight=False, markup=False, soft_wrap=True)
        self._append(line)

    def _append(self, line: str) -> None:
        """A log that cannot be written costs no run."""
        if self._log is not None:
            with suppress(OSError), self._log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {line}\n")

    def __enter__(self) -> Reporter:
        _reporters.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _reporters.remove(self)


def span(seconds: float) -> str:
    """``41 s``, ``12:03`` minutes, ``3:07:15`` hours."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def short(count: float) -> str:
    """A count in few characters: ``812``, ``41.2k``, ``1.30M``."""
    if count < 1000:
        return f"{count:.0f}"
    return f"{count / 1000:.1f}k" if count < 1_000_000 else f"{count / 1_000_000:.2f}M"


_reporters: list[Reporter] = []
_loudness: list[Loudness] = ["normal"]


def reporter() -> Reporter:
    """The one that shows progress now; a silent one where none was opened."""
    return _reporters[-1] if _reporters else Reporter(None)


def on(console: Console | None) -> Reporter:
    """The reporter that shows progress now where it has this console, else a new one for it."""
    now = reporter()
    wanted = console if console is not None and not console.quiet else None
    return now if now.console is wanted and _reporters else Reporter(console)


@contextmanager
def reporting(shows: Reporter) -> Iterator[Reporter]:
    """Let ``shows`` show progress in this block."""
    with shows:
        yield shows


def loudness() -> Loudness:
    """How much is said on standard error."""
    return _loudness[-1]


@contextmanager
def loud(level: Loudness) -> Iterator[None]:
    """Say as much as ``level`` in this block: ``quiet`` leaves warnings and errors, ``verbose`` a line every 5 s."""
    _loudness.append(level)
    try:
        yield
    finally:
        _loudness.pop()


def screen() -> Console:
    """Standard error, silent where that was asked for."""
    return Console(stderr=True, quiet=loudness() == "quiet")
