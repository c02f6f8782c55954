"""From the name of a form to the form."""

from __future__ import annotations

from collections.abc import Mapping

from mem1.actions.base import ActionForm, ActionFormat, ActionSpace
from mem1.actions.brackets import BracketActions
from mem1.actions.json_calls import JsonActions
from mem1.actions.tags import TagActions
from mem1.actions.turn import TurnActions

_FORMS: dict[ActionForm, type[TagActions] | type[BracketActions] | type[JsonActions] | type[TurnActions]] = {
    "tags": TagActions,
    "brackets": BracketActions,
    "json": JsonActions,
    "turn": TurnActions,
}


def make_format(space: ActionSpace, names: Mapping[str, str] | None = None) -> ActionFormat:
    """The form that ``space`` names; ``names``: tag names that differ. Raises ``ConfigError`` where it does not do."""
    return _FORMS[space.form](space, names)
