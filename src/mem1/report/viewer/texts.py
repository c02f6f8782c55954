"""The words behind an episode's token ids: what a context said, what was dropped from it, each token as written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mem1.evaluation.records import Transcript
from mem1.report.viewer.origins import Block, Context, Origins, Piece
from mem1.storage.vocabulary import Vocabulary
from mem1.types import Episode, Turn

_CERTAIN, _LIKELY, _UNSURE = -0.1, -0.7, -2.3  # log-probabilities of about 0.9, 0.5 and 0.1


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of text with where it comes from. ``text`` is ``None`` where only its tokens were stored."""

    kind: str
    turn: int | None
    tokens: int
    text: str | None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Token:
    """One written token, or a few that make up a character. ``probability`` is ``None`` where it was not sampled."""

    text: str
    shade: Literal["forced", "unknown", "p0", "p1", "p2", "p3"]
    probability: float | None


class Texts:
    """The texts of one episode.

    Token ids are spelled out by the vocabulary that the run kept, if there is one that gives exactly the texts the
    episode recorded. Without it, blocks that are whole have the text that the record of their turn holds, and what an
    evaluation kept as a transcript is shown as it is.
    """

    def __init__(self, episode: Episode, vocabularies: Sequence[Vocabulary], transcript: Transcript | None) -> None:
        self._episode = episode
        self._transcript = transcript
        turns = episode.turns
        self.vocabulary = next((one for one in vocabularies if turns and all(map(one.spells, turns))), None)
        self.origins = Origins(episode, self.vocabulary.text if self.vocabulary else None)

    @property
    def prompt(self) -> str | None:
        """The task prompt P."""
        turns = self._episode.turns
        if self.vocabulary is not None and turns:
            return self.vocabulary.text(turns[0].prompt_token_ids[: turns[0].prefix_length])
        return self._transcript.prompt if self._transcript else None

    def in_context(self, index: int, context: Context) -> tuple[Passage, ...]:
        """What stood behind the prompt at turn ``index``, in order."""
        turn = self._episode.turns[index]
        pieces = [piece for piece in context.pieces if piece.kind != "prompt"]
        if self.vocabulary is None and self._transcript is not None and index < len(self._transcript.contexts):
            whole = self._transcript.contexts[index]
            if whole is not None:
                tokens = len(turn.prompt_token_ids) - turn.prefix_length
                return (Passage("carry", None, tokens, whole),) if whole else ()
        return tuple(self._passage(turn, piece) for piece in pieces)

    def dropped(self, context: Context) -> tuple[Passage, ...]:
        """What earlier turns wrote or were shown, and this one did not see, in order."""
        return tuple(Passage(one.kind, one.turn, one.length, self._recorded(one)) for one in context.dropped)

    def written(self, turn: Turn) -> tuple[Token, ...]:
        """What a turn wrote, token by token; nothing where the vocabulary is not known."""
        if self.vocabulary is None:
            return ()
        found: list[Token] = []
        waiting = b""
        for k, (id, logprob, sampled) in enumerate(
            zip(turn.completion_token_ids, turn.logprobs, turn.sampled_mask, strict=True)
        ):
            waiting += self.vocabulary.piece(id)
            last = k + 1 == len(turn.completion_token_ids)
            if _whole(waiting) or last:
                probability = math.exp(logprob) if sampled and turn.exact else None
                found.append(Token(waiting.decode(errors="replace"), _shade(logprob, sampled, turn.exact), probability))
                waiting = b""
        return tuple(found)

    def _passage(self, turn: Turn, piece: Piece) -> Passage:
        block = piece.block
        text = self._recorded(block) if block is not None and piece.whole else None
        if self.vocabulary is not None:
            text = self.vocabulary.text(turn.prompt_token_ids[piece.start : piece.start + piece.length])
        return Passage(piece.kind, block.turn if block else None, piece.length, text, cut=not piece.whole)

    def _recorded(self, block: Block) -> str | None:
        turn = self._episode.turns[block.turn]
        return {"state": turn.state, "action": turn.action_text, "observation": turn.observation}.get(block.kind)


def _shade(logprob: float, sampled: bool, exact: bool) -> Literal["forced", "unknown", "p0", "p1", "p2", "p3"]:
    if not sampled:
        return "forced"
    if not exact:
        return "unknown"
    return "p3" if logprob < _UNSURE else "p2" if logprob < _LIKELY else "p1" if logprob < _CERTAIN else "p0"


def _whole(data: bytes) -> bool:
    """Whether ``data`` does not end inside a character."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.reason != "unexpected end of data"
    return True
