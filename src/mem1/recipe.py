"""A recipe: everything a run depends on, in one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, cast

from pydantic import BeforeValidator, Field, model_validator

from mem1.config import Config
from mem1.envs.config import EnvConfig
from mem1.evaluation.config import EvaluateConfig
from mem1.inference.config import EngineConfig
from mem1.memory.config import MemoryConfig
from mem1.registry import bring, builtin_names, by_default, every, resolve
from mem1.retrieval.config import RetrieverConfig
from mem1.rewards.config import ScorerConfig
from mem1.rollout.config import DemonstrationsConfig, DistillConfig, LessonsConfig
from mem1.tasks.base import Split
from mem1.tasks.config import ComposeConfig
from mem1.tasks.source_config import SourceConfig
from mem1.train.config import BackendConfig, LoraConfig, TrainConfig, WarmstartConfig
from mem1.train.monitors.config import MonitorConfig
from mem1.train.tiny.config import TinyConfig

NEW_TINY = "new:tiny"


def _of_version_1(reward: object) -> object:
    """``"env"`` was the reward of the shop."""
    return "score" if reward == "env" else reward


def _named(part: object) -> object:
    """``backend = "local"`` is short for ``backend = {type = "local"}``."""
    return {"type": part} if isinstance(part, str) else part


def _by_name(monitors: object) -> object:
    """``"wandb"`` is short for ``{type = "wandb"}``."""
    if not isinstance(monitors, list | tuple):
        return monitors
    return [_named(one) for one in monitors]


SHARED = ("tags", "budgets")
"""What all memories of a recipe have from ``memory``."""

RewardName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*( *\+ *[a-z][a-z0-9_]*)*$"), BeforeValidator(_of_version_1)]


class Recipe(Config):
    """All of a run. Paths are relative to where the command is run.

    ``model`` is a directory, a shipped one (``builtin:tiny``), ``package:smollm2``, a hub's (``hub:OWNER/NAME``, or
    with ``@REVISION``), or ``new:tiny`` (made from ``tiny``); for a model behind an endpoint (``engine.type =
    "openai"``) its name there; ``builtin:shopper`` is no model but the rule-based engine that is called so.
    ``side_model`` answers the side calls of memory policies that make any, ``None``: the policy itself does.
    With ``lora`` a low-rank adapter is trained and the model itself stays as it is.
    ``memory`` is the memory policy that is trained. An evaluation puts ``evaluate.strategies`` side by side, all with
    the tags and budgets of ``memory``, so that they differ in what they remember and in nothing else; ``strategies``
    sets up those whose other settings are not the defaults. ``sources`` names several task sources instead of one.
    ``backend``: where the weights of ``train`` are trained, by name or as a section.
    ``reward`` is a metric of the score, summed over objectives, or several with ``+`` between them.
    ``monitors``: where training can be followed beside ``metrics.jsonl``, by name or as sections.
    """

    name: str = "run"
    seed: int = 0
    runs: Path = Path("runs")
    model: str = "builtin:tiny"
    side_model: str | None = None
    tiny: TinyConfig = TinyConfig()
    lora: LoraConfig | None = None
    source: SourceConfig = by_default("source", "factbook")
    sources: tuple[SourceConfig, ...] = ()
    retriever: RetrieverConfig = by_default("retriever", "bm25")
    scorer: ScorerConfig = by_default("scorer", "standard")
    reward: RewardName = "em"
    env: EnvConfig = by_default("environment", "qa")
    memory: MemoryConfig = by_default("memory", "state")
    strategies: tuple[MemoryConfig, ...] = ()
    engine: EngineConfig = by_default("engine", "transformers")
    tasks: ComposeConfig = ComposeConfig(count=1000)
    split: Split = "train"
    train: TrainConfig = TrainConfig()
    backend: Annotated[BackendConfig, BeforeValidator(_named)] = by_default("backend", "local")
    lessons: LessonsConfig = LessonsConfig()
    warmstart: WarmstartConfig = WarmstartConfig()
    distill: DistillConfig = DistillConfig()
    demonstrations: DemonstrationsConfig = DemonstrationsConfig()
    evaluate: EvaluateConfig = EvaluateConfig()
    evaluate_split: Split = "test"
    watch_tasks: int = Field(default=32, ge=0)
    monitors: Annotated[tuple[MonitorConfig, ...], BeforeValidator(_by_name)] = ()

    @model_validator(mode="before")
    @classmethod
    def _all_strategies(cls, data: Any) -> Any:
        """``evaluate.strategies = "all"``: every memory there is, and those that the recipe sets up."""
        evaluate = data.get("evaluate") if isinstance(data, dict) else None
        if not isinstance(evaluate, dict) or evaluate.get("strategies") != "all":
            return data
        bring("memory")
        written = [
            one.get("type") for one in (*data.get("strategies", ()), data.get("memory", {})) if isinstance(one, dict)
        ]
        known = [one.type for one in sorted(every("memory", MemoryConfig), key=MemoryConfig.place)]
        chosen = list(dict.fromkeys([*known, *(name for name in written if name)]))
        return data | {"evaluate": evaluate | {"strategies": chosen}}

    @model_validator(mode="after")
    def _strategies_exist(self) -> Self:
        names = [strategy.type for strategy in self.strategies]
        if len(set(names)) < len(names):
            raise ValueError(f"strategies name a memory policy twice: {', '.join(names)}")
        for strategy in self.strategies:
            _agrees(strategy, self.memory)
        for key, named in (("strategies", self.evaluate.strategies), ("baseline", (self.evaluate.baseline,))):
            unknown = set(named) - {*builtin_names("memory"), *names, self.memory.type}  # enough for most: loads none
            unknown -= set(self.compared) if unknown else set()
            if unknown:
                raise ValueError(
                    f"evaluate.{key} names {', '.join(sorted(unknown))}; there are {', '.join(self.compared)}"
                )
        return self

    @model_validator(mode="after")
    def _adapts_something(self) -> Self:
        if self.lora is not None and self.model == NEW_TINY:
            raise ValueError("lora adapts a model that was trained before: give the folder of one, not new:tiny")
        return self

    @model_validator(mode="after")
    def _sources_are_told_apart(self) -> Self:
        if self.sources and self.source != type(self).model_fields["source"].get_default(call_default_factory=True):
            raise ValueError("give either source or sources")
        names = [source.label for source in self.all_sources]
        if len(set(names)) < len(names):
            raise ValueError(f"two sources have the same name: {', '.join(names)}")
        return self

    @model_validator(mode="after")
    def _prices_are_said_once(self) -> Self:
        for key in ("prices", "side_prices"):
            of_engine, of_evaluation = getattr(self.writer, key, None), getattr(self.evaluate, key)
            if None not in (of_engine, of_evaluation) and of_engine != of_evaluation:
                raise ValueError(
                    f"engine.{key} and evaluate.{key} say otherwise of the same calls: leave evaluate.{key} out, which "
                    "is for engines that know no prices"
                )
        return self

    @model_validator(mode="after")
    def _parts_go_together(self) -> Self:
        parts = (self.env, *self.all_sources, self.memory, self.retriever, self.scorer, self.backend, self.writer)
        for part in parts:
            part.check_recipe(self)
        return self

    @property
    def all_sources(self) -> tuple[SourceConfig, ...]:
        """Where tasks come from."""
        return self.sources or (self.source,)

    @property
    def writer(self) -> EngineConfig:
        """The engine that writes: a rule-based one of the program where ``model`` is ``builtin:`` its name, or the one
        that the training back end brings."""
        place, _, name = self.model.partition(":")
        if place == "builtin" and name in builtin_names("engine"):
            return cast("EngineConfig", resolve("engine", name).model_validate({}))
        return self.backend.writer or self.engine

    @property
    def compared(self) -> dict[str, MemoryConfig]:
        """Every memory policy by name, with the trained one's tags and budgets."""
        shared = {key: getattr(self.memory, key) for key in SHARED}
        known = sorted(every("memory", MemoryConfig), key=MemoryConfig.place)
        found = {one.type: one for one in (*known, *self.strategies, self.memory)}
        return {name: one.model_copy(update=shared) for name, one in found.items()}


def _agrees(strategy: MemoryConfig, memory: MemoryConfig) -> None:
    """Raise ``ValueError`` where an entry of ``strategies`` says what ``memory`` would override."""
    kind = strategy.type
    for key in SHARED:
        usual = type(strategy).model_fields[key].get_default(call_default_factory=True)
        if getattr(strategy, key) not in (usual, getattr(memory, key)):
            raise ValueError(
                f"strategies gives {kind} {key} of its own, and all strategies have those of memory: set memory.{key}"
            )
    own = [key for key in type(strategy).model_fields if key not in SHARED] if kind == memory.type else []
    if other := [key for key in own if getattr(strategy, key) != getattr(memory, key)]:
        told = ", ".join(f"{key} = {getattr(strategy, key)!r}, memory {getattr(memory, key)!r}" for key in other)
        keys = ", ".join(f"memory.{key}" for key in other)
        raise ValueError(
            f"strategies sets up {kind} otherwise than memory ({told}), which is trained and evaluated: set {keys} "
            "and leave that entry out (--strategies '[]')"
        )
