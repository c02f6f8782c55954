"""The section ``backend`` of a recipe that is trained by verl. No torch and no verl here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from mem1.errors import Mem1Error
from mem1.imports import permitted
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import BackendConfig, Launch

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
OURS = "MEM1_VERL"  # set to 1 in every process of a run that needs the plug-in
SERVER = "mem1"  # the name of our own sampler among verl's
NEEDS = (
    "verl pins versions of its own and has its own environment: make venv-verl, then run .venv-verl/bin/python -m mem1"
)


class VerlConfig(BackendConfig):
    """verl 0.9.1 on a Ray cluster: the episodes, advantages and weights of a loss are ours, gradients are verl's.

    ``workers`` processes a node train, on ``nodes`` nodes (FSDP2); with ``device = "cuda"`` each has a GPU of its own.
    ``agents``: processes that play episodes. ``cluster``: ``"local"`` starts Ray on this machine, ``"auto"`` finds the
    cluster that this machine belongs to, else its address. The run directory must be on a disk that all nodes share.

    Who samples is the recipe's engine: ``vllm`` as verl runs it (``tensor_parallel`` GPUs a server,
    ``sampler_memory`` of each, which it gives back while the policy is trained), or on a CPU ``transformers``.
    ``offload``: weights and optimizer wait in main memory while the sampler works. ``checkpointing``: activations are
    computed again instead of kept. ``extra``: keys of verl's own configuration, laid over ours (``--allow-imports``).
    """

    any_temperature: ClassVar[bool] = True
    free: ClassVar[tuple[str, ...]] = (
        "workers",
        "nodes",
        "agents",
        "cluster",
        "tensor_parallel",
        "sampler_memory",
        "offload",
        "checkpointing",
        "object_store_mb",
    )

    type: Literal["verl"] = "verl"
    device: Literal["cpu", "cuda"] = "cuda"
    workers: Count = 1
    nodes: Count = 1
    agents: Count = 1
    cluster: str = "local"
    tensor_parallel: Count = 1
    sampler_memory: Fraction = 0.5
    offload: bool = False
    checkpointing: bool = False
    object_store_mb: Annotated[int, Field(ge=80)] | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    def launch(self) -> Launch:
        """What trains on Ray. Raises ``Mem1Error`` where verl is not installed."""
        try:
            from mem1.integrations.verl.launch import launch
        except ModuleNotFoundError as error:
            raise Mem1Error(f"training by verl needs a package that is not here: {error.name}", hint=NEEDS) from error
        return launch

    @field_validator("extra")
    @classmethod
    def _may_name_code(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for key in extra:
            permitted(f"backend.extra.{key}")
        return extra

    def check_recipe(self, recipe: Any) -> None:
        """Refuse what verl cannot do."""
        super().check_recipe(recipe)
        if recipe.model == "new:tiny":
            raise ValueError("verl trains a model that is there: give its folder, not new:tiny")
        engine = recipe.engine.type
        if engine not in ("transformers", "vllm"):
            raise ValueError(f"verl runs the sampler itself: engine.type is vllm or transformers, not {engine}")
        if engine == "transformers" and self.device != "cpu":
            raise ValueError('on GPUs verl samples by vLLM: set [engine] type = "vllm" (or backend.device = "cpu")')
        if engine == "vllm" and self.device == "cpu":
            raise ValueError('on a CPU verl samples by the transformers engine: set [engine] type = "transformers"')
        if self.device == "cpu" and recipe.train.kl.coef > 0:
            raise ValueError("on a CPU verl holds no reference policy (it pins its memory): set train.kl.coef = 0")
        if recipe.lora is not None:
            raise ValueError("by verl whole weights are trained here: leave lora out")
        algorithm = recipe.train.algorithm
        if isinstance(algorithm, Ppo) and algorithm.critic == "shared":
            raise ValueError('verl trains a critic of its own: set train.algorithm.critic = "separate"')
        if (self.workers * self.nodes) % self.tensor_parallel:
            raise ValueError("backend.workers * backend.nodes must be a multiple of backend.tensor_parallel")
