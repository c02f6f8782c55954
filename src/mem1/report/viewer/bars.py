"""Token counts as pictures: bars, the strip of what a context still held, and the skyline of an episode.

Only positions are worked out here, on a scale of ``WIDTH`` by ``HEIGHT``; a template draws them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mem1.report.viewer.origins import Context, Kind, Origins
from mem1.types import Episode, Turn

WIDTH = 1000.0
HEIGHT = 100.0
# A strip with more rectangles than this is drawn without telling blocks apart.
_MAX_RECTANGLES = 120

NAMES: dict[str, str] = {
    "prompt": "prompt",
    "carry": "carried",
    "state": "state",
    "action": "action",
    "observation": "observation",
    "other": "added by the memory",
    "dropped": "dropped",
}


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A part of a bar: what it is (a key of ``NAMES``), its tokens, and where it is drawn."""

    kind: str
    tokens: int
    start: float
    size: float


@dataclass(frozen=True, slots=True)
class Column:
    """One turn in the skyline; ``history`` is the height of what a memory that forgets nothing would have had.

    ``page`` is the number of the first turn on the page that shows it.
    """

    turn: int
    page: int
    left: float
    width: float
    parts: tuple[Rectangle, ...]
    history: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Skyline:
    """The contexts of all turns side by side, and above them the history; ``top`` is the height in tokens."""

    columns: tuple[Column, ...]
    line: str
    top: int


def parts_of(turn: Turn) -> list[tuple[str, int]]:
    """What a turn's context was made of when it ended, in tokens, in order."""
    found = [
        ("prompt", turn.prefix_length),
        ("carry", len(turn.prompt_token_ids) - turn.prefix_length),
        ("state", turn.state_length),
        ("action", len(turn.completion_token_ids) - turn.state_length),
    ]
    return [(kind, tokens) for kind, tokens in found if tokens]


def bar_of(turn: Turn, room: int) -> tuple[Rectangle, ...]:
    """A turn's parts and the observation that came back, ``room`` tokens wide."""
    parts = parts_of(turn) + ([("observation", turn.observation_length)] if turn.observation_length else [])
    return _laid_out(parts, WIDTH / max(room, 1))


def room_of(episode: Episode) -> int:
    """Tokens that the longest bar of an episode needs."""
    return max((turn.peak + turn.observation_length for turn in episode.turns), default=1)


def strip_of(context: Context) -> tuple[Rectangle, ...]:
    """The tokens of the turns before in the order of time: what was in context, and what was dropped.

    What the memory policy added stands at the end.
    """
    kept = {id(piece.block): piece for piece in context.pieces if piece.block is not None}
    blocks = [(block, 0) for block in context.dropped] + [
        (piece.block, piece.length) for piece in kept.values() if piece.block is not None
    ]
    order: dict[Kind, int] = {"state": 0, "action": 1, "observation": 2}
    runs: list[tuple[str, int]] = []
    for block, length in sorted(blocks, key=lambda pair: (pair[0].turn, order.get(pair[0].kind, 3))):
        runs += [("dropped", block.length - length), (block.kind, length)]
    runs += [("other", piece.length) for piece in context.pieces if piece.kind == "other"]
    runs = _joined(runs, apart=len(runs) <= 2 * _MAX_RECTANGLES)
    return _laid_out(runs, WIDTH / max(sum(tokens for _, tokens in runs), 1))


def skyline(episode: Episode, origins: Origins, per_page: int) -> Skyline:
    """One column a turn, to one scale; a page shows ``per_page`` turns."""
    turns = episode.turns
    full = [
        turn.prefix_length + origins.history_length(k) + len(turn.completion_token_ids) for k, turn in enumerate(turns)
    ]
    top = max([*full, *(turn.peak for turn in turns)], default=1) or 1
    width = WIDTH / max(len(turns), 1)
    columns = []
    for k, turn in enumerate(turns):
        columns.append(
            Column(
                turn=k + 1,
                page=k // per_page * per_page + 1,
                left=k * width,
                width=width,
                parts=_laid_out(parts_of(turn), HEIGHT / top),
                history=HEIGHT * full[k] / top,
                tokens=turn.peak,
            )
        )
    corners = [f"{x:.2f},{HEIGHT - c.history:.2f}" for c in columns for x in (c.left, c.left + c.width)]
    return Skyline(tuple(columns), " ".join(corners), top)


def _laid_out(parts: Sequence[tuple[str, int]], scale: float) -> tuple[Rectangle, ...]:
    found, start = [], 0.0
    for kind, tokens in parts:
        found.append(Rectangle(kind, tokens, start, tokens * scale))
        start += tokens * scale
    return tuple(found)


def _joined(runs: Sequence[tuple[str, int]], *, apart: bool) -> list[tuple[str, int]]:
    """Neighbours of one kind as one; unless ``apart``, everything that was in context is one kind."""
    found: list[tuple[str, int]] = []
    for name, tokens in runs:
        kind = name if apart or name == "dropped" else "carry"
        if found and found[-1][0] == kind:
            found[-1] = kind, found[-1][1] + tokens
        elif tokens:
            found.append((kind, tokens))
    return found
