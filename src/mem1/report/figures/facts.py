"""What was remembered, as a picture: each answer through the turns of an episode (``evaluation/remembering``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from mem1.evaluation.remembering.survival import FactHistory, Standing

_ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 18, 44, 110, 12, 34
_STEP, _WIDEST = 26, 1000  # a turn, unless the picture becomes too wide
_LONG = 640  # what a telephone shows by parts
_LABELS = 12  # turns that are written below
_HEIGHTS = {Standing.HELD: 12.0, Standing.SHOWN: 12.0, Standing.LOST: 2.0}
MAX_ROWS = 64


@dataclass(frozen=True, slots=True)
class FactMap:
    """A row for each objective, a column for each turn: where its answer stood. Rows beyond ``MAX_ROWS`` are not drawn.

    ``answers`` are the accepted ones, by objective.
    """

    id: str
    title: str
    caption: str
    histories: tuple[FactHistory, ...]
    answers: tuple[str, ...]
    turns: int


def fact_map(histories: Sequence[FactHistory], answers: Sequence[str]) -> FactMap | None:
    """The picture of one episode; ``None`` where it has no turn or no answer that could be followed."""
    turns = max((len(one.turns) for one in histories), default=0)
    if not turns:
        return None
    there = sum(one.there for one in histories)
    found = sum(one.found is not None for one in histories)
    more = f" The first {MAX_ROWS} of {len(histories)} objectives." if len(histories) > MAX_ROWS else ""
    return FactMap(
        id="facts",
        title="What was held, forgotten, and when",
        caption=f"A row is an objective's answer, a column a turn. {found} of {len(histories)} answers were found, "
        f"{there} could be read when they were due; what follows is faint: nothing asks for it any more.{more}",
        histories=tuple(histories),
        answers=tuple(answers),
        turns=turns,
    )


def draw_map(one: FactMap, *, nested: str = "") -> str:
    """The map as an ``<svg>`` element. Every text in it is escaped."""
    rows = one.histories[:MAX_ROWS]
    width, height = map_size(one)
    step = (width - _LEFT - _RIGHT) / one.turns
    place = nested or f' width="{width}"'
    parts = [
        f'<svg class="chart map{" long" if width > _LONG else ""}" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label="{escape(one.title + ". " + one.caption)}"{place}>'
    ]
    parts += [_row(fact, _TOP + k * _ROW, step, one) for k, fact in enumerate(rows)]
    bottom = _TOP + len(rows) * _ROW
    every = max(1, -(-one.turns // _LABELS))
    for turn in range(0, one.turns, every):
        x = _LEFT + (turn + 0.5) * step
        parts.append(f'<text class="tick mid" x="{x:.1f}" y="{bottom + 14}">{turn + 1}</text>')
    parts.append(f'<text class="label mid" x="{_LEFT + one.turns * step / 2:.0f}" y="{bottom + 30}">turn</text>')
    return "".join(parts) + "</svg>"


def map_size(one: FactMap) -> tuple[int, int]:
    """Width and height of the picture: few turns make a small one, whose text a telephone can show."""
    rows = min(len(one.histories), MAX_ROWS)
    return min(_WIDEST, _LEFT + one.turns * _STEP + _RIGHT), _TOP + rows * _ROW + _BOTTOM


def _row(fact: FactHistory, top: int, step: float, one: FactMap) -> str:
    middle = top + _ROW / 2
    answer = one.answers[fact.objective] if fact.objective < len(one.answers) else ""
    parts = [
        f'<text class="tick end" x="{_LEFT - 8}" y="{middle + 4:.1f}">{fact.objective + 1}</text>',
        f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + one.turns * step:.1f}" y1="{middle:.1f}" y2="{middle:.1f}"/>',
    ]
    turn = 0
    until = fact.due + 1
    for (standing, past), some in groupby(zip(fact.turns, (k >= until for k in range(len(fact.turns))), strict=True)):
        count = len(list(some))
        if standing is not Standing.UNSEEN:
            tall = _HEIGHTS[standing]
            words = f"{fact.objective + 1}. {answer}: {standing.value}, {_turns(turn, count)}"
            parts.append(
                f'<rect class="f-{standing.value}{" past" if past else ""}" x="{_LEFT + turn * step + 0.5:.2f}" '
                f'width="{max(count * step - 1, 0.6):.2f}" y="{middle - tall / 2:.1f}" height="{tall}">'
                f"<title>{escape(words)}</title></rect>"
            )
        turn += count
    if fact.turns:
        x = _LEFT + (fact.due + 0.5) * step
        parts.append(f'<path class="due" d="M{x:.1f} {middle - 8:.1f}v16"/>')
    kind, x = "good" if fact.fate.value == "answered" else "bad", _LEFT + one.turns * step + 8
    parts.append(f'<text class="fate {kind}" x="{x:.1f}" y="{middle + 4:.1f}">{escape(fact.fate.value)}</text>')
    return "".join(parts)


def _turns(first: int, count: int) -> str:
    return f"turn {first + 1}" if count == 1 else f"turns {first + 1} to {first + count}"
