"""What one episode kept of what it found, as measures."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.measures import Measure
from mem1.evaluation.remembering.curve import shares
from mem1.evaluation.remembering.pages import page_tokens
from mem1.evaluation.remembering.repeats import repeats
from mem1.evaluation.remembering.survival import FactHistory
from mem1.types import Episode


def remembering(episode: Episode, histories: Sequence[FactHistory] | None) -> dict[str, float | None]:
    """The measures of ``episode``; all but the page's size need the ``histories`` of its facts (``survival``)."""
    page = page_tokens(episode) if episode.turns else None
    found, kept = shares(histories or ())
    again, after_loss = repeats(episode, histories) if histories is not None else (None, None)
    return {
        Measure.PAGE: page,
        Measure.PAGE_PER_OBJECTIVE: None if page is None else page / episode.task.size,
        Measure.FOUND: found,
        Measure.KEPT: kept,
        Measure.REPEATED: again,
        Measure.REPEATED_AFTER_LOSS: after_loss,
    }
