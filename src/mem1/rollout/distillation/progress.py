"""What a distillation shows while it runs: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mem1.types import Episode

_LINES = 20  # at most so many where there is no terminal


@contextmanager
def distill_bar(total: int, console: Console | None) -> Iterator[Callable[[Episode], None]]:
    """Within the block: tell it each finished episode of ``total``. ``None`` for silence."""
    terminal = console is not None and console.is_terminal
    columns = (
        TextColumn("distill"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeRemainingColumn(),
    )
    done, failed, rewards = 0, 0, [0.0]
    with Progress(*columns, console=console, disable=not terminal) as bar:
        task = bar.add_task("distill", total=total, figures="")

        def tell(episode: Episode) -> None:
            nonlocal done, failed
            done += 1
            failed += episode.failed
            if episode.reward is not None:
                rewards[0] += episode.reward / episode.task.size
            scored = max(1, done - failed)
            figures = f"reward/objective {rewards[0] / scored:.2f}" + (f"  {failed} failed" if failed else "")
            bar.update(task, completed=done, figures=figures)
            if console is not None and not terminal and (done % max(1, total // _LINES) == 0 or done == total):
                console.print(f"distill {done}/{total}  {figures}", highlight=False, soft_wrap=True)

        yield tell
