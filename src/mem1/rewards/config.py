"""Which scorer a run uses."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import model_validator

from mem1.registry import Kind, Part
from mem1.rewards.base import Scorer
from mem1.rewards.judge_config import JudgeConfig


class ScorerConfig(Part):
    """Any scorer, told apart by ``type``.

    ``waits``: its verdicts are asked for somewhere else, so that it is run beside the event loop.
    """

    part_kind: ClassVar[Kind] = "scorer"
    default_type: ClassVar[str | None] = "standard"
    waits: ClassVar[bool] = False

    @classmethod
    def by_former_keys(cls, section: dict[str, Any]) -> dict[str, Any]:
        """A scorer was named by ``name`` before, and a judge's section stood beside any."""
        if "name" in section and "type" not in section:
            section["type"] = section.pop("name")
        if section.get("judge", ...) is None:
            del section["judge"]
        kind = section.get("type", cls.default_type)
        if "judge" in section and kind in ("standard", "folding", "mem1-released"):
            raise ValueError(f"the scorer {kind!r} asks no judge: set scorer.type = 'judge', or drop scorer.judge")
        return section

    async def check(self) -> None:
        """Ask once whether the service that it needs is there, if any. Raises ``BackendError``, ``ConfigError``."""

    def build(self) -> Scorer:
        """The scorer. Raises ``ConfigError`` where a key or a package is missing."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its scorer is made: define build")


class StandardConfig(ScorerConfig):
    """Exact match and F1 for each objective: for all work."""

    type: Literal["standard"] = "standard"

    def build(self) -> Scorer:
        """The scorer."""
        from mem1.rewards.standard import StandardScorer

        return StandardScorer()


class FoldingConfig(ScorerConfig):
    """``standard`` for any script: "José" is the same however it is encoded, and so are full-width letters."""

    type: Literal["folding"] = "folding"

    def build(self) -> Scorer:
        """The scorer."""
        from mem1.rewards.normalise import normalise_folding
        from mem1.rewards.standard import StandardScorer

        return StandardScorer("folding", normalise_folding)


class ReleasedConfig(ScorerConfig):
    """What the published figures were scored with, to stand beside them."""

    type: Literal["mem1-released"] = "mem1-released"

    def build(self) -> Scorer:
        """The scorer."""
        from mem1.rewards.released import ReleasedScorer

        return ReleasedScorer()


class JudgedConfig(ScorerConfig):
    """A model behind an endpoint says whether an answer is right; see ``JudgeConfig``."""

    waits: ClassVar[bool] = True

    type: Literal["judge"] = "judge"
    judge: JudgeConfig | None = None

    @model_validator(mode="after")
    def _has_its_judge(self) -> Self:
        if self.judge is None:
            raise ValueError("there is no judge: set scorer.judge.base_url and scorer.judge.model")
        return self

    def build(self) -> Scorer:
        """The scorer. Raises ``ConfigError`` where the judge's key or package is missing."""
        from mem1.rewards.judge import JudgeScorer  # httpx

        assert self.judge is not None  # validated
        return JudgeScorer(self.judge)

    async def check(self) -> None:
        """Ask the judge once."""
        from mem1.rewards.judge import JudgeScorer

        assert self.judge is not None  # validated
        judge = JudgeScorer(self.judge.model_copy(update={"cache": None}))
        await judge.check()
        judge.close()
