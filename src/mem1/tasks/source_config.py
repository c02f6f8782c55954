"""What the configurations of all task sources have in common: the kind of part that a recipe calls ``source``."""

from __future__ import annotations

from typing import ClassVar

from mem1.registry import Kind, Part
from mem1.tasks.base import Source


class SourceConfig(Part):
    """Any task source, told apart by ``type``. ``name`` sets it apart from others in one recipe."""

    part_kind: ClassVar[Kind] = "source"

    @property
    def label(self) -> str:
        """Its name beside other sources: what ``name`` says, else its type."""
        return str(dict(self).get("name", self.type))

    def build(self) -> Source:
        """The source. Raises ``Mem1Error``."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its source is made: define build")
