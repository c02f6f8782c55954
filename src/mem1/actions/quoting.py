"""Answers that quote: a sign stands for what a memory keeps, so that a long answer need not be copied."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mem1.actions.base import ANSWER, ActionFormat, ActionSpace
from mem1.errors import ConfigError
from mem1.types import Action, Answer, Malformed

QUOTE = "="


class QuotingActions:
    """An ``ActionFormat``: as ``inner`` has it, but an answer of ``=`` alone is what ``quoted`` gives.

    Args:
        inner: How everything else is written.
        quoted: What is quoted now; ``""``: nothing can be.

    Raises:
        ConfigError: Nothing is answered here, or the environment reads whole turns by a rule of its own.
    """

    whole = False

    def __init__(self, inner: ActionFormat, quoted: Callable[[], str]) -> None:
        if inner.whole or not inner.space.takes_answer:
            raise ConfigError(
                "the page cannot be quoted as an answer where "
                + ("the environment reads whole turns" if inner.whole else "nothing is answered"),
                where="memory.quotes",
                hint="leave memory.quotes out",
            )
        self._inner = inner
        self._quoted = quoted

    @property
    def space(self) -> ActionSpace:
        """What can be written."""
        return self._inner.space

    @property
    def stops(self) -> tuple[str, ...]:
        """Those of ``inner``."""
        return self._inner.stops

    @property
    def openings(self) -> tuple[str, ...]:
        """Those of ``inner``."""
        return self._inner.openings

    @property
    def control_strings(self) -> tuple[str, ...]:
        """Those of ``inner``."""
        return self._inner.control_strings

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """As ``inner`` parses it, a quote filled in; one of nothing is ``Malformed``."""
        action = self._inner.parse(text, without)
        if not isinstance(action, Answer) or action.text.strip() != QUOTE:
            return action
        quoted = self._quoted()
        if not quoted:
            return Malformed(reason=f"{ANSWER} quotes the page, but no line of it begins with a number in brackets")
        return Answer(text=quoted)

    def write(self, action: Action) -> str:
        """As ``inner`` writes it."""
        return self._inner.write(action)

    def describe(self) -> str:
        """As ``inner`` describes it; of the sign the memory tells."""
        return self._inner.describe()
