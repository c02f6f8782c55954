"""Look-ups made again, and those made again because their result was forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.remembering.survival import FactHistory, Standing
from mem1.evaluation.remembering.words import marked
from mem1.types import Episode, ToolCall


def repeats(episode: Episode, histories: Sequence[FactHistory]) -> tuple[float | None, float | None]:
    """Look-ups made before in the episode / look-ups; and those whose fact was lost from context by then / look-ups.

    Two are the same where tool and words are. What the memory answers itself (looking back) is no look-up. ``None``
    where there is none.
    """
    made: dict[tuple[str, str], list[int]] = {}
    again = after_loss = count = 0
    for turn, one in enumerate(episode.turns):
        if not isinstance(one.action, ToolCall) or one.by_memory:
            continue
        count += 1
        before = made.setdefault((one.action.name, marked(one.action.text)), [])
        again += bool(before)
        after_loss += any(fact.found in before and fact.turns[turn] is Standing.LOST for fact in histories)
        before.append(turn)
    return (again / count, after_loss / count) if count else (None, None)
