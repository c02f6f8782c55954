"""Writing a completion by calls of a backend that only knows "go on from here, so many tokens, until these strings".

Such a backend follows no sections. Here a ``SectionTracker`` does: it is fed what a call brought, token by token; where
it closes a section by force, what the backend wrote beyond is dropped, and the next call goes on behind the closing.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from mem1.errors import BackendError, ContextLimitError
from mem1.inference.base import Request, Tokenizer
from mem1.inference.sections import SectionTracker
from mem1.types import Completion, Usage

_SEEDS = 2**31
_SHORT = 4  # a call that was cut and brought less than one part in so many of what was asked for made no progress
_SHORT_CALLS = 3  # of them are enough
_MOST_CALLS = 16  # for one completion, beside one a section


@dataclass(frozen=True, slots=True)
class Ask:
    """One call: go on with ``request.prompt + written``.

    ``most`` tokens at most. At any of ``stops`` nothing more is wanted, and the tokens that complete it are to be
    among those that come back. ``section`` names what is being written; ``number`` counts the calls of a completion.
    """

    request: Request
    written: tuple[int, ...]
    section: str
    most: int
    stops: tuple[str, ...]
    number: int

    @property
    def seed(self) -> int:
        """One for each call of a completion, within what every server takes."""
        return (self.request.seed + self.number) % _SEEDS


@dataclass(frozen=True, slots=True)
class Piece:
    """What a call brought. ``ended``: the policy ended its text (by no stop string, and not for want of tokens)."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    ended: bool
    usage: Usage | None = None

    def __post_init__(self) -> None:
        assert len(self.token_ids) == len(self.logprobs)


async def write(
    request: Request,
    tokenizer: Tokenizer,
    ask: Callable[[Ask], Awaitable[Piece]],
    *,
    max_context: int,
    at_once: bool = False,
    exact: bool = True,
    policy_version: int = 0,
) -> Completion:
    """One completion of ``request``.

    Args:
        ask: Calls the backend.
        at_once: Ask for all sections in the first call, where going on in the middle of a text is to be avoided;
            else for the tokens of one section, so that none is written in vain.
        exact: See ``Completion.exact``.

    A backend that cuts each call short, whatever it was asked for, is not asked for ever: after a few calls the
    completion ends as cut (``LENGTH``).

    Raises ``ContextLimitError`` where the prompt fills the context, ``BackendError`` where it is empty or the first
    call brings nothing; and what ``ask`` raises.
    """
    request.check_prompt()
    room = max_context - len(request.prompt)
    if room <= 0:
        raise ContextLimitError(
            f"a prompt of {len(request.prompt)} tokens leaves no room in a context of {max_context}",
            where=request.session,
            hint="raise engine.max_context if the model allows it, or shorten the prompt",
        )
    tracker = SectionTracker(tokenizer, request.sections, room)
    written: list[int] = []
    usage: list[Usage | None] = []
    short = 0
    while tracker.finish is None:
        later = tracker.following
        most = tracker.left + sum(section.budget for section in later) if at_once else tracker.left
        asked = Ask(
            request=request,
            written=tuple(written),
            section=tracker.section.name,
            most=min(most, room - len(written)),
            stops=_stops(tracker),
            number=len(usage),
        )
        piece = await ask(asked)
        if not all(map(math.isfinite, piece.logprobs)):
            raise BackendError(
                "the backend returns a log-probability that is no number",
                where=request.session,
                hint="its logits are broken: look at the model's weights and the type they are computed in",
            )
        usage.append(piece.usage)
        closed = _feed(tracker, piece, written)
        if tracker.finish is not None or closed:
            continue
        if piece.ended:
            tracker.end()
        elif not written:
            raise BackendError(
                "the backend wrote nothing, and does not say that the text ended",
                where=request.session,
                hint="a model that thinks before it writes may use up its tokens: raise memory.budgets",
            )
        else:
            short += len(piece.token_ids) * _SHORT < asked.most
            if short >= _SHORT_CALLS or len(usage) >= _MOST_CALLS + len(request.sections) or not piece.token_ids:
                tracker.cut()
    known = [one for one in usage if one is not None]
    whole = sum(known[1:], known[0]) if len(known) == len(usage) else None
    return tracker.completion(policy_version).model_copy(update={"exact": exact, "usage": whole})


def _feed(tracker: SectionTracker, piece: Piece, written: list[int]) -> bool:
    """Take in ``piece`` up to where the completion is over or a section was closed by force; whether it was."""
    for token_id, logprob in zip(piece.token_ids, piece.logprobs, strict=True):
        step = tracker.feed(token_id, logprob)
        written += (token_id, *step.forced)
        if step.forced or step.finish is not None:
            return bool(step.forced)
    return False


def _stops(tracker: SectionTracker) -> tuple[str, ...]:
    """What ends the completion in the section being written or a later one."""
    later = tracker.following
    sections = (tracker.section, *later)
    last = sections[-1].stops
    return _unique([*(stop for section in sections for stop in section.final_stops), *last])


def _unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
