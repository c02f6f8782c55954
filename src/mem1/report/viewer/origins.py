"""Where the tokens of a context come from: which blocks of earlier turns were still there, and which were dropped.

Worked out from the recorded ids alone, whatever memory policy put the context together: what earlier turns wrote and
were shown is looked for in it, newest first.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mem1.types import Episode, Turn

Kind = Literal["prompt", "state", "action", "observation", "other"]
Ids = tuple[int, ...]

# Shorter stretches occur by chance; they count only where they are expected, among the next few blocks.
_TELLING = 8
_EXPECTED = 3


@dataclass(frozen=True, slots=True)
class Block:
    """What turn ``turn`` (counted from 0) wrote or was shown, in ``length`` tokens. ``ids`` where they are known."""

    turn: int
    kind: Kind
    length: int
    ids: Ids


@dataclass(frozen=True, slots=True)
class Piece:
    """``length`` tokens of a context from token ``start`` on.

    They are the last ones of ``block``, all of it if ``whole``; without a block they are the prompt, or something that
    the memory policy put there itself (``other``).
    """

    kind: Kind
    start: int
    length: int
    block: Block | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the block is there."""
        return self.block is None or self.length == self.block.length


@dataclass(frozen=True, slots=True)
class Context:
    """What was in context at a turn, in order, and which blocks of the turns before were not there at all."""

    pieces: tuple[Piece, ...]
    dropped: tuple[Block, ...]

    @property
    def dropped_length(self) -> int:
        """Tokens of the history that were not in context, cut-off beginnings of blocks included."""
        cut = sum(piece.block.length - piece.length for piece in self.pieces if piece.block is not None)
        return cut + sum(block.length for block in self.dropped)


class Origins:
    """The blocks of one episode, and the contexts made of them.

    Args:
        episode: The episode.
        text: Text of token ids, where it is known; it tells for certain where an observation stands.
    """

    def __init__(self, episode: Episode, text: Callable[[Sequence[int]], str] | None = None) -> None:
        self._turns = episode.turns
        self._text = text
        self._blocks = [tuple(self._blocks_of(index)) for index in range(len(self._turns))]

    def history(self, index: int) -> list[Block]:
        """Everything that was written and shown before turn ``index``, in order."""
        return [block for some in self._blocks[:index] for block in some]

    def history_length(self, index: int) -> int:
        """Its length in tokens: what a memory that forgets nothing would carry."""
        return sum(block.length for some in self._blocks[:index] for block in some)

    def context(self, index: int) -> Context:
        """The context of turn ``index``, taken apart."""
        turn = self._turns[index]
        carried = turn.prompt_token_ids[turn.prefix_length :]
        history = self.history(index)
        found = list(_taken_apart(carried, history))
        used = {id(piece.block) for piece in found}
        pieces = [Piece(p.kind, p.start + turn.prefix_length, p.length, p.block) for p in reversed(found)]
        if turn.prefix_length:
            pieces.insert(0, Piece("prompt", 0, turn.prefix_length))
        return Context(tuple(pieces), tuple(block for block in history if id(block) not in used))

    def _blocks_of(self, index: int) -> Iterator[Block]:
        turn = self._turns[index]
        written = turn.completion_token_ids
        state, action = written[: turn.state_length], written[turn.state_length :]
        if state:
            yield Block(index, "state", len(state), state)
        if action:
            yield Block(index, "action", len(action), action)
        if turn.observation_length:
            ids = self._observation(turn, self._turns[index + 1]) if index + 1 < len(self._turns) else ()
            yield Block(index, "observation", turn.observation_length, ids)

    def _observation(self, turn: Turn, after: Turn) -> Ids:
        """The ids of an observation: records hold its text and length, the next context holds the ids at its end.

        A context that was cut holds fewer of them; none are returned where the end is something else.
        """
        carried = after.prompt_token_ids[after.prefix_length :]
        ids = carried[-turn.observation_length :]
        if self._text is not None:
            text, found = turn.observation or "", self._text(ids)
            if len(ids) == turn.observation_length:
                return ids if found == text else ()
            tail = found.lstrip("\N{REPLACEMENT CHARACTER}")  # the cut may go through a character
            return ids if tail and text.endswith(tail) else ()
        written, rest = turn.completion_token_ids, carried[: len(carried) - len(ids)]
        state = written[: turn.state_length]
        follows = any(rest[-len(one) :] == one or one[-len(rest) :] == rest for one in (written, state) if one and rest)
        return ids if follows or not rest else ()


def _taken_apart(carried: Ids, history: Sequence[Block]) -> Iterator[Piece]:
    """The pieces of ``carried``, the last one first."""
    end = len(carried)
    waiting = [block for block in reversed(history) if block.ids]
    while end:
        for position, block in enumerate(waiting):
            size = min(len(block.ids), end)
            expected = position < _EXPECTED or size >= _TELLING
            if expected and carried[end - size : end] == block.ids[-size:]:
                del waiting[: position + 1]
                yield Piece(block.kind, end - size, size, block)
                end -= size
                break
        else:
            stop, position = _last_place(carried[:end], waiting)
            yield Piece("other", stop, end - stop)
            end = stop
            if position is None:
                return
            # The next round finds this block first; blocks newer than it were not found anywhere.
            waiting = waiting[position:] + waiting[:position]


def _last_place(carried: Ids, blocks: Sequence[Block]) -> tuple[int, int | None]:
    """Where the block that ends last in ``carried`` ends, and which one it is; (0, ``None``) if there is none."""
    haystack = array("q", carried).tobytes()
    best: tuple[int, int | None] = (0, None)
    for position, block in enumerate(blocks):
        if len(block.ids) < _TELLING:
            continue
        needle = array("q", block.ids).tobytes()
        at = haystack.rfind(needle)
        while at >= 0 and at % 8:
            at = haystack.rfind(needle, 0, at + len(needle) - 1)
        if at >= 0 and (at + len(needle)) // 8 > best[0]:
            best = (at + len(needle)) // 8, position
    return best
