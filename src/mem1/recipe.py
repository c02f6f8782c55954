"""A recipe: everything a run depends on, in one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from mem1.config import Config
from mem1.envs.qa import QaEnvConfig
from mem1.envs.webshop.config import WebshopEnvConfig
from mem1.evaluation.config import EvaluateConfig
from mem1.inference.config import EngineConfig
from mem1.memory.config import FullMemoryConfig, MemoryConfig, StateMemoryConfig, WindowMemoryConfig
from mem1.retrieval.config import Bm25Config, RetrieverConfig
from mem1.rewards.config import ScorerConfig
from mem1.tasks.base import Split
from mem1.tasks.config import ComposeConfig, FactbookConfig, SourceConfig
from mem1.train.config import TrainConfig, WarmstartConfig
from mem1.train.tiny.config import TinyConfig
from mem1.types import Composition

SHOPPER = "builtin:shopper"
Share = Annotated[float, Field(ge=0, le=1)]


def _qa_by_default(value: Any) -> Any:
    """Recipes may leave out ``env.type``: they then mean question answering."""
    return {"type": "qa", **value} if isinstance(value, dict) else value


EnvConfig = Annotated[QaEnvConfig | WebshopEnvConfig, Field(discriminator="type"), BeforeValidator(_qa_by_default)]


class LessonsConfig(Config):
    """What the warm start's demonstrations are about.

    Each lesson is a world of its own: the source's train split for a share of ``real`` of the lessons, else one
    of ``countries`` invented countries (see ``tasks/synthetic.py``), for the shop one of ``products`` invented products
    (``tasks/webshop_made.py``). It holds ``per_lesson`` demonstrations of ``objectives`` objectives, composed as one of
    ``compositions``, with one of ``top_k`` passages a search; ``mixed`` lessons are shuffled together. Of the two-hop
    questions a share of ``two_hop`` is kept.
    """

    real: Share = 0.25
    products: int = Field(default=60, ge=10)
    countries: int = Field(default=24, ge=2)
    per_lesson: int = Field(default=32, ge=1)
    mixed: int = Field(default=8, ge=1)
    objectives: int = Field(default=1, ge=1)
    compositions: tuple[Composition, ...] = (Composition.SEQUENTIAL, Composition.PARALLEL)
    top_k: tuple[int, ...] = (1, 2, 2, 3)
    two_hop: Share = 0.3


class Recipe(Config):
    """All of a run. Paths are relative to where the command is run.

    ``model`` is a directory, ``builtin:tiny``, ``package:smollm2``, or ``new:tiny`` (made from ``tiny``);
    ``builtin:shopper`` is no model but the rule-based shopper (``inference/shopper.py``).
    ``memory`` is the memory policy that is trained. An evaluation puts ``evaluate.strategies`` side by side, all with
    the tags and budgets of ``memory``, so that they differ in what they remember and in nothing else; ``strategies``
    sets up those whose other settings are not the defaults.
    """

    name: str = "run"
    seed: int = 0
    runs: Path = Path("runs")
    model: str = "builtin:tiny"
    tiny: TinyConfig = TinyConfig()
    source: SourceConfig = FactbookConfig()
    retriever: RetrieverConfig = Bm25Config()
    scorer: ScorerConfig = ScorerConfig()
    reward: Literal["em", "f1", "env"] = "em"
    env: EnvConfig = QaEnvConfig()
    memory: MemoryConfig = StateMemoryConfig()
    strategies: tuple[MemoryConfig, ...] = ()
    engine: EngineConfig = EngineConfig()
    tasks: ComposeConfig = ComposeConfig(count=1000)
    split: Split = "train"
    train: TrainConfig = TrainConfig()
    lessons: LessonsConfig = LessonsConfig()
    warmstart: WarmstartConfig = WarmstartConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    evaluate_split: Split = "test"
    watch_tasks: int = Field(default=32, ge=0)

    @model_validator(mode="after")
    def _strategies_exist(self) -> Self:
        names = [strategy.type for strategy in self.strategies]
        if len(set(names)) < len(names):
            raise ValueError(f"strategies name a memory policy twice: {', '.join(names)}")
        unknown = set(self.evaluate.strategies) - set(self.compared)
        if unknown:
            raise ValueError(
                f"evaluate.strategies names {', '.join(sorted(unknown))}; there are {', '.join(self.compared)}"
            )
        return self

    @model_validator(mode="after")
    def _shop_is_whole(self) -> Self:
        if (self.env.type == "webshop") != (self.source.type == "webshop"):
            raise ValueError('env.type = "webshop" and source.type = "webshop" go together')
        if self.model == SHOPPER and not (isinstance(self.env, WebshopEnvConfig) and self.env.readable_by_rules):
            raise ValueError(f'{SHOPPER} shops in env.type = "webshop" with observation = "text" and form = "tags"')
        return self

    @property
    def compared(self) -> dict[str, MemoryConfig]:
        """Every memory policy by name, with the trained one's tags and budgets."""
        shared = {"tags": self.memory.tags, "budgets": self.memory.budgets}
        defaults: tuple[MemoryConfig, ...] = (FullMemoryConfig(), WindowMemoryConfig(), StateMemoryConfig())
        found = {one.type: one for one in (*defaults, *self.strategies, self.memory)}
        return {name: one.model_copy(update=shared) for name, one in found.items()}
