"""The section ``backend`` of a recipe that is trained by verl. No torch and no verl here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from mem1.errors import Mem1Error
from mem1.imports import permitted
from mem1.train.advantages.ppo import Ppo
from mem1.train.backends.keys import BY_THE_LOOP, IN_THIS_PROCESS
from mem1.train.config import BackendConfig, Launch

Count = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
OURS = "MEM1_VERL"  # set to 1 in every process of a run that needs the plug-in
SERVER = "mem1"  # the name of our own sampler among verl's
# Arguments of vLLM that another key of a recipe stands for.
_SET_BY = {
    "gpu_memory_utilization": "backend.sampler_memory",
    "max_num_seqs": "engine.slots",
    "tensor_parallel_size": "backend.tensor_parallel",
}
HONOURED = BY_THE_LOOP | {
    "train.temperature",
    "train.dual_clip",
    "train.kl",
    "train.entropy_coef",
    "train.rows",  # capacity: padded tokens of a micro-batch; each context holds P itself
    "train.checkpointing",
    "train.autocast",
    "engine.type",
    "engine.slots",
    "engine.max_context",
    "engine.prefill_tokens",
    "engine.device",
    "engine.dtype",
    "engine.chat",
    "engine.eager",
    "engine.extra",
}
REFUSED: Mapping[str, str] = {key: reason for key, reason in IN_THIS_PROCESS.items() if key != "train.temperature"} | {
    "engine.weights_dir": "verl hands the weights over without files",
    "engine.handover_gap": "verl hands the weights over, and train.max_rollout_gap sees that they arrived",
    "engine.trainer_device": "backend.device is where verl trains",
    "engine.sleep": "verl's vLLM always gives its memory back while the policy is trained",
}
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
    ``offload``: weights and optimizer wait in main memory while the sampler works. ``extra``: keys of verl's own
    configuration, laid over ours (``--allow-imports``).
    """

    samples: ClassVar[bool] = True
    honours: ClassVar[frozenset[str]] = HONOURED
    refuses: ClassVar[Mapping[str, str]] = REFUSED
    free: ClassVar[tuple[str, ...]] = (
        "workers",
        "nodes",
        "agents",
        "cluster",
        "tensor_parallel",
        "sampler_memory",
        "offload",
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
        self._check_precision(recipe)
        if taken := sorted(_SET_BY.keys() & getattr(recipe.engine, "extra", {}).keys()):
            raise ValueError("; ".join(f"engine.extra.{key} is {_SET_BY[key]} here" for key in taken))
        if self.device == "cpu" and recipe.train.kl.coef > 0:
            raise ValueError("on a CPU verl holds no reference policy (it pins its memory): set train.kl.coef = 0")
        if recipe.lora is not None:
            raise ValueError("by verl whole weights are trained here: leave lora out")
        algorithm = recipe.train.algorithm
        if isinstance(algorithm, Ppo) and algorithm.critic == "shared":
            raise ValueError('verl trains a critic of its own: set train.algorithm.critic = "separate"')
        if (self.workers * self.nodes) % self.tensor_parallel:
            raise ValueError("backend.workers * backend.nodes must be a multiple of backend.tensor_parallel")

    def _check_precision(self, recipe: Any) -> None:
        """verl's engine computes in one precision on each device; the recipe must ask for that one."""
        autocast, engine = recipe.train.autocast, recipe.engine
        if self.device == "cuda" and autocast != "bfloat16":
            raise ValueError('on GPUs verl computes in bfloat16 (flash attention): set train.autocast = "bfloat16"')
        if self.device == "cpu" and autocast != "none":
            raise ValueError('on a CPU verl computes in float32 here: set train.autocast = "none"')
        if self.device == "cpu" and (engine.dtype != "float32" or engine.device not in ("auto", "cpu")):
            raise ValueError(
                'on a CPU the sampler computes there, in float32: leave engine.dtype and engine.device out, not "'
                f'{engine.dtype}", "{engine.device}"'
            )
