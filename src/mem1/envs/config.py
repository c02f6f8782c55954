"""What the configurations of all environments have in common: the kind of part that a recipe calls ``env``."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Any, ClassVar, Literal

from mem1.actions import ActionForm
from mem1.envs.base import Environment
from mem1.registry import Kind, Part
from mem1.types import Task

Need = Literal["source", "retriever", "scorer"]


class EnvConfig(Part):
    """Any environment, told apart by ``type``.

    ``needs`` are the parts that ``build`` is given, by these names; no other is built for it. ``lessons`` names
    what makes the demonstrations of a warm start (``module:name``, see ``rollout/lessons.py``), where there are any;
    ``people`` what reads a log of what people did in it (``module:name``, see ``webshop/people/teacher.py``).
    """

    part_kind: ClassVar[Kind] = "environment"
    default_type: ClassVar[str | None] = "qa"
    needs: ClassVar[Set[Need]] = frozenset()
    lessons: ClassVar[str | None] = None
    people: ClassVar[str | None] = None

    @property
    def action_form(self) -> ActionForm:
        """How actions are written."""
        return "tags"

    def build(self, *parts: Any, **named: Any) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode, over the parts that it needs. Raises ``Mem1Error``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its environment is made: define build")

    async def check(self) -> None:
        """Ask once whether what it needs is there (a key, a recording). Raises ``ConfigError``, ``StorageError``."""
