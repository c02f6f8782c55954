"""How a policy writes what it does: parsed from its own text only, never from a prompt or an observation."""

from mem1.actions.base import ActionForm, ActionFormat, ActionSpace
from mem1.actions.build import make_format

__all__ = ["ActionForm", "ActionFormat", "ActionSpace", "make_format"]
