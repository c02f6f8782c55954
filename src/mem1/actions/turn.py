"""The whole turn as one text: an environment that was published with a rule of its own for reading turns reads it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from mem1.actions.base import ActionSpace
from mem1.actions.tags import TagActions
from mem1.errors import ConfigError
from mem1.types import Action, Answer


class TurnActions:
    """An ``ActionFormat``: all that was written in a turn, state and action, is given to the environment as an answer.

    Nothing is malformed here; what a text means, or that it means nothing, the environment says. A turn ends with the
    answer's closing tag.

    Args:
        space: What can be done: an answer, and no tools.
        names: As for ``TagActions``; the answer's is used.

    Raises:
        ConfigError: There are tools: a text that the environment reads cannot be told from a call of one.
    """

    whole = True

    def __init__(self, space: ActionSpace, names: Mapping[str, str] | None = None) -> None:
        if space.specs:
            raise ConfigError(
                f"the tool {space.specs[0].name!r} cannot be called where the environment reads whole turns",
                where="env",
                hint="use a memory without tools of its own, or another env.protocol",
            )
        self.space = space
        self._tag = TagActions(ActionSpace(tools=()), names)
        self.stops, self.openings = self._tag.stops, self._tag.openings
        self.control_strings = self._tag.control_strings

    def parse(self, text: str, without: Collection[str] = ()) -> Action:
        """``text`` as it is."""
        return Answer(text=text)

    def write(self, action: Action) -> str:
        """An answer's text in its tag. Raises ``ValueError`` for anything else."""
        return self._tag.write(action)

    def describe(self) -> str:
        """Nothing: the environment's prompt says how a turn is written."""
        return ""
