"""What a distillation shows while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from mem1.progress import on
from mem1.types import Episode


@contextmanager
def distill_bar(total: int, console: Console | None) -> Iterator[Callable[[Episode], None]]:
    """Within the block: tell it each finished episode of ``total``. ``None`` for silence."""
    done, failed, rewards = 0, 0, 0.0
    with on(console).work("distill", total) as work:

        def tell(episode: Episode) -> None:
            nonlocal done, failed, rewards
            done += 1
            failed += episode.failed
            if episode.reward is not None:
                rewards += episode.reward / episode.task.size
            figures = [f"{failed} failed"] if failed else []
            figures.append(f"reward/objective {rewards / max(1, done - failed):.2f}")
            work.advance(figures="  ".join(figures))

        yield tell
