"""One turn as the viewer shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mem1.registry import functions
from mem1.registry.parts import PAGES
from mem1.report.diff import Piece, merged
from mem1.report.episode_view import TurnView, view_turn, without_tags
from mem1.report.viewer.bars import Rectangle, bar_of, room_of, strip_of
from mem1.report.viewer.origins import Context
from mem1.report.viewer.texts import SidePart, Texts
from mem1.types import Answer, Episode, StopReason, Turn


@dataclass(frozen=True, slots=True)
class TurnPart:
    """A turn laid out: its bar to the episode's scale, the strip of its history, the state with its changes marked.

    ``seen`` of ``history`` tokens of earlier turns were in context. ``score`` is the exact match of the answer that
    the turn gave, ``None`` where it gave none or it was not scored. ``side_calls`` were made before it. ``shop`` is the
    page that the observation shows, if any (see ``registry.parts.PAGES``).
    """

    turn: Turn
    view: TurnView
    shop: Any
    bar: tuple[Rectangle, ...]
    strip: tuple[Rectangle, ...]
    context: Context
    seen: int
    history: int
    state: tuple[Piece, ...]
    forced: int
    score: float | None
    side_calls: tuple[SidePart, ...]


def view_turns(episode: Episode, texts: Texts, numbers: Sequence[int]) -> tuple[TurnPart, ...]:
    """The turns of those ``numbers`` (counted from 0)."""
    return tuple(_parts(episode, texts, numbers))


def _parts(episode: Episode, texts: Texts, numbers: Sequence[int]) -> Iterator[TurnPart]:
    room = room_of(episode)
    for index in numbers:
        turn = episode.turns[index]
        before = without_tags(episode.turns[index - 1].state) if index else ""
        context = texts.origins.context(index)
        history = texts.origins.history_length(index)
        yield TurnPart(
            turn=turn,
            view=view_turn(episode, turn, before),
            shop=next((page for draw in functions(PAGES) if (page := draw(episode, index)) is not None), None),
            bar=bar_of(turn, room),
            strip=strip_of(context),
            context=context,
            seen=history - context.dropped_length,
            history=history,
            state=merged(before, without_tags(turn.state)),
            forced=len(turn.sampled_mask) - sum(turn.sampled_mask),
            score=_score(episode, turn),
            side_calls=texts.side_calls(index),
        )


def _score(episode: Episode, turn: Turn) -> float | None:
    """What an answer scored by the main metric: its own objective's, or all of them where one answer is due for all."""
    score, last = episode.score, turn.index == len(episode.turns) - 1
    if score is None or not isinstance(turn.action, Answer):
        return None
    if episode.task.reveal == "one_by_one":
        values = score.metrics[score.main]
        return values[turn.objective] if turn.objective < len(values) else None
    return score.total(score.main) if last and episode.stop is StopReason.ANSWERED else None
