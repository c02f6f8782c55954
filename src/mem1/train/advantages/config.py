"""What the configurations of all advantage estimators have in common: the kind that a recipe calls ``algorithm``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from mem1.errors import ConfigError
from mem1.registry import Kind, Part

Groups = Sequence[Sequence[float]]
Estimate = Callable[[Groups], list[list[float]]]
"""From the rewards of each group's episodes to one advantage for each of them, in the same places."""

Parts = Sequence[Sequence[Sequence[float]]]
EstimateParts = Callable[[Parts], list[list[list[float]]]]
"""The same for rewards in parts: ``[group][episode][part]``, equally many parts in all episodes of a group."""


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

    def build_parts(self) -> EstimateParts:
        """The estimator of one advantage for each part of the reward: ``build``'s, over each part by itself.

        Where that divides by a deviation, say here what deviation it is. With a single part it must be ``build``'s.
        """
        estimate = self.build()

        def each(groups: Parts) -> list[list[list[float]]]:
            found: list[list[list[float]]] = [[[] for _ in group] for group in groups]
            for part in range(max((len(group[0]) for group in groups if group), default=0)):
                having = [index for index, group in enumerate(groups) if group and part < len(group[0])]
                estimated = estimate([[episode[part] for episode in groups[index]] for index in having])
                if list(map(len, estimated)) != [len(groups[index]) for index in having]:
                    raise self.misshapen()
                for index, advantages in zip(having, estimated, strict=True):
                    for mine, advantage in zip(found[index], advantages, strict=True):
                        mine.append(advantage)
            return found

        return each

    def misshapen(self) -> ConfigError:
        """What is wrong with an estimator that does not give one finite advantage for each reward."""
        return ConfigError(
            f"the estimator {self.type!r} does not give one finite advantage for each episode of each group",
            where="train.algorithm",
            hint="its build returns a function from [[reward, ...], ...] to as many numbers in the same places",
        )
