"""Where a completion's sections end: stops, budgets and forced closings, token by token.

Every engine feeds the tokens it samples to a ``SectionTracker`` and does what it says, so that
all engines agree on the semantics of ``inference.base.Section``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from mem1.inference.base import Section, Tokenizer, eos_ids
from mem1.types import Completion, FinishReason

# A UTF-8 character has at most four bytes, so a window that reaches three tokens further back than
# the string it looks for cannot begin inside one of that string's characters.
_SLACK = 3

# For each tokenizer and set of characters: the ids seen so far that write none of them.
_quiet: WeakKeyDictionary[Tokenizer, dict[frozenset[str], set[int]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Step:
    """What follows a sampled token.

    ``forced`` ids come next and are not sampled (the tracker has recorded them already);
    ``section_ended`` says that the token, or the last forced one, closed its section; ``finish`` is
    set when the completion is over.
    """

    forced: tuple[int, ...] = ()
    section_ended: bool = False
    finish: FinishReason | None = None


_GO_ON = Step()
_NEXT_SECTION = Step(section_ended=True)


class SectionTracker:
    """Records one completion and decides where its sections end.

    The cost of a token is bounded: a token whose own text holds no last character of a stop string
    costs a look-up in a set; any other one decodes as many tokens as the longest stop string has
    UTF-8 bytes, plus a few. Every token is taken to write at least one byte.

    Args:
        tokenizer: The policy's tokenizer.
        sections: What may be written, in order.
        room: Tokens that the policy's context still holds; when they are used up the completion
            ends with ``LENGTH``, forced tokens or not. ``None`` means enough for all sections.
    """

    def __init__(self, tokenizer: Tokenizer, sections: Sequence[Section], room: int | None = None) -> None:
        if not sections:
            raise ValueError("a completion needs at least one section")
        if room is not None and room < 1:
            raise ValueError(f"a completion needs room for at least one token, got {room}")
        self._room = room if room is not None else sum(section.budget for section in sections)
        self._tokenizer = tokenizer
        self._eos_ids = eos_ids(tokenizer)
        self._known_quiet = _quiet.setdefault(tokenizer, {})
        self._sections = tuple(sections)
        self._token_ids: list[int] = []
        self._logprobs: list[float] = []
        self._forced: list[tuple[int, int]] = []  # stretches that were not sampled: start, end
        self._section_ends: list[int] = []
        self._finish: FinishReason | None = None
        self._enter(0)

    @property
    def section(self) -> Section:
        """The section being written; the last one written once the completion is over."""
        return self._section

    @property
    def length(self) -> int:
        """Tokens so far, forced ones included."""
        return len(self._token_ids)

    @property
    def finish(self) -> FinishReason | None:
        """Why the completion is over; ``None`` while it is not."""
        return self._finish

    def feed(self, token_id: int, logprob: float = 0.0) -> Step:
        """Take in one sampled token and its log-probability (nats)."""
        assert self._finish is None, "a token was fed to a completion that is over"
        ids = self._token_ids
        ids.append(token_id)
        self._logprobs.append(logprob)
        if token_id not in self._quiet:
            step = self._look(token_id)
            if step is not None:
                return step
        return _GO_ON if len(ids) < self._sampling_end else self._force()

    @property
    def left(self) -> int:
        """Tokens that may still be sampled in this section before its closing is forced."""
        return self._sampling_end - len(self._token_ids)

    @property
    def following(self) -> tuple[Section, ...]:
        """The sections after the one being written."""
        return self._sections[len(self._section_ends) + 1 :]

    def end(self) -> Step:
        """End the completion here: the policy did, in a way that no token of it shows."""
        return self._over(FinishReason.EOS)

    def cut(self) -> Step:
        """End the completion here: nothing more can be written."""
        return self._over(FinishReason.LENGTH)

    def completion(self, policy_version: int = 0) -> Completion:
        """The finished record."""
        assert self._finish is not None, "the completion is not over"
        sampled = [True] * len(self._token_ids)
        for start, end in self._forced:
            sampled[start:end] = [False] * (end - start)
        return Completion(
            token_ids=tuple(self._token_ids),
            logprobs=tuple(self._logprobs),
            sampled=tuple(sampled),
            section_ends=tuple(self._section_ends),
            finish=self._finish,
            policy_version=policy_version,
        )

    def _enter(self, index: int) -> None:
        section = self._sections[index]
        stops = (*section.stops, *section.final_stops)
        self._section = section
        self._start = len(self._token_ids)
        self._sampling_end = min(self._start + section.budget - len(section.closing), self._room)
        self._last_characters = frozenset(stop[-1] for stop in stops)
        self._ascii = all(character.isascii() for character in self._last_characters)
        self._quiet = self._known_quiet.setdefault(self._last_characters, set())
        self._window = max((len(stop.encode()) for stop in stops), default=0) + _SLACK

    def _look(self, token_id: int) -> Step | None:
        """What the newest token ends, if it ends anything.

        A stop is complete only at a token that writes its last character. Of a character beyond
        ASCII a token may write a part, which its own text does not show.
        """
        if token_id in self._eos_ids:
            return self._over(FinishReason.EOS)
        if self._ascii and self._last_characters.isdisjoint(self._tokenizer.decode([token_id])):
            self._quiet.add(token_id)
            return None
        tail = self._tokenizer.decode(self._token_ids[max(self._start, len(self._token_ids) - self._window) :])
        stop = _first_end(tail, self._section.stops)
        final = _first_end(tail, self._section.final_stops)
        if final is not None and (stop is None or final < stop):
            return self._over(FinishReason.STOP)
        if stop is None:
            return None
        return self._next(_NEXT_SECTION, FinishReason.STOP)

    def _force(self) -> Step:
        closing = self._section.closing
        if len(self._token_ids) + len(closing) > self._room:
            return self._over(FinishReason.LENGTH)
        self._forced.append((len(self._token_ids), len(self._token_ids) + len(closing)))
        self._token_ids.extend(closing)
        self._logprobs.extend(0.0 for _ in closing)
        return self._next(Step(forced=closing, section_ended=True), FinishReason.LENGTH)

    def _next(self, step: Step, reason: FinishReason) -> Step:
        """Begin the next section; where there is none the completion is over."""
        if len(self._section_ends) + 1 == len(self._sections):
            return self._over(reason, forced=step.forced)
        if len(self._token_ids) >= self._room:
            return self._over(FinishReason.LENGTH, forced=step.forced)
        self._section_ends.append(len(self._token_ids))
        self._enter(len(self._section_ends))
        return step

    def _over(self, reason: FinishReason, forced: tuple[int, ...] = ()) -> Step:
        self._section_ends.append(len(self._token_ids))
        self._finish = reason
        return Step(forced=forced, section_ended=True, finish=reason)


def _first_end(text: str, stops: tuple[str, ...]) -> int | None:
    """Where the first stop string to be complete ends in ``text``."""
    return min((at + len(stop) for stop in stops if (at := text.find(stop)) >= 0), default=None)
