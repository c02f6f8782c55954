"""What a person sees of a session at work: the turn, the page, the context against its bound, cost, what was dropped.

On a terminal one panel for each running task, redrawn each turn; elsewhere a line a turn, on standard error.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from mem1.run.disk.records import Event
from mem1.text import spelled_out
from mem1.types import Answer, Malformed, ToolCall

_PAGE, _LINE = 1200, 200  # characters shown


class Display:
    """Shows events while it is entered. ``quiet``: nothing but notes."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._quiet = quiet
        self._latest: dict[int, Event] = {}
        self._live = Live(console=self._console, auto_refresh=False, transient=True) if self._redraws else None

    @property
    def _redraws(self) -> bool:
        return not self._quiet and self._console.is_terminal and sys.stderr.isatty()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, event: Event) -> None:
        """Show what happened."""
        if event.note:
            self.note(f"task {event.task}: {event.note}")
        elif self._live is not None:
            self._latest[event.task] = event
            if event.status.over:
                del self._latest[event.task]
            self._live.update(Group(*(_panel(one) for one in self._latest.values())), refresh=True)
        elif not self._quiet:
            self._console.print(Text(_line(event)), soft_wrap=True)

    def note(self, text: str) -> None:
        """A line that stays."""
        self._console.print(Text(spelled_out(text), style="yellow"), soft_wrap=True)


def _panel(event: Event) -> Panel:
    page = Text(_cut(event.state, _PAGE))
    return Panel(Group(page, Text(_line(event), style="dim")), title=Text(_cut(event.text, 80)), title_align="left")


def _line(event: Event) -> str:
    bound = f"/{event.bound:,}" if event.bound is not None else ""
    parts = [
        f"task {event.task} turn {event.turn}",
        f"context {event.context:,}{bound}",
        f"tokens {event.spent.tokens:,}"
        + (f" ({event.spent.cached_tokens:,} cached)" if event.spent.cached_tokens else ""),
        *([f"cost {event.spent.cost:.4f}"] if event.spent.cost is not None else []),
        *([f"dropped {' '.join(event.dropped)}"] if event.dropped else []),
    ]
    return f"{' | '.join(parts)} | {_action(event)}"


def _action(event: Event) -> str:
    match event.action:
        case ToolCall(name=name) as call:
            return _cut(f"{name}: {call.text} -> {event.shown}", _LINE)
        case Answer(text=text):
            return _cut(f"answer: {text}", _LINE)
        case Malformed(reason=reason):
            return _cut(f"no action: {reason}", _LINE)
        case None:
            return ""


def _cut(text: str, most: int) -> str:
    clean = spelled_out(text.strip())
    return clean if len(clean) <= most else f"{clean[:most]}..."
