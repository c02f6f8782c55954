"""What the configurations of all advantage estimators have in common: the kind that a recipe calls ``algorithm``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from mem1.registry import Kind, Part

Groups = Sequence[Sequence[float]]
Estimate = Callable[[Groups], list[list[float]]]
"""From the rewards of each group's episodes to one advantage for each of them, in the same places."""


class Algorithm(Part):
    """Any advantage estimator, told apart by ``type``."""

    part_kind: ClassVar[Kind] = "estimator"

    @property
    def uses_groups(self) -> bool:
        """Whether a group with equal rewards teaches it nothing."""
        return False

    def build(self) -> Estimate:
        """The estimator of one advantage an episode. No torch here."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it estimates: define build")
