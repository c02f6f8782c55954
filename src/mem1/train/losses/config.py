"""Which loss the policy is trained with: the kind of parts that a recipe calls ``loss``. No torch here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from mem1.registry import Kind, Part

if TYPE_CHECKING:
    from mem1.train.losses.base import Loss


class LossConfig(Part):
    """Any policy loss, told apart by ``type``. All read the ranges ``train.clip_low`` and ``train.clip_high``."""

    part_kind: ClassVar[Kind] = "loss"
    default_type: ClassVar[str | None] = "clip"

    def build(self) -> Loss:
        """The loss of a row's tokens."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is computed: define build")


class Clip(LossConfig):
    """PPO's clipped surrogate, token by token (arXiv 1707.06347)."""

    type: Literal["clip"] = "clip"

    def build(self) -> Loss:
        """The loss."""
        from mem1.train.losses.clip import clip

        return clip


class Gspo(LossConfig):
    """GSPO (arXiv 2507.18071): the ratio is that of the whole sequence, by the geometric mean over its tokens."""

    type: Literal["gspo"] = "gspo"

    def build(self) -> Loss:
        """The loss."""
        from mem1.train.losses.gspo import gspo

        return gspo


class Cispo(LossConfig):
    """CISPO (arXiv 2506.13585): the ratio is a clipped weight without gradient, and every token keeps its own."""

    type: Literal["cispo"] = "cispo"

    def build(self) -> Loss:
        """The loss."""
        from mem1.train.losses.cispo import cispo

        return cispo
