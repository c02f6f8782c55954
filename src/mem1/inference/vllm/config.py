"""Settings of the engines that are vLLM."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mem1.imports import permitted
from mem1.inference.base import Engine
from mem1.inference.config import EngineConfig, OpenAiConfig
from mem1.inference.following import Follower

if TYPE_CHECKING:  # what is built is loaded when it is built, not by reading a recipe
    from mem1.inference.vllm.server import VllmServerEngine

# Arguments of vLLM that are numbers and switches. Others may name code: worker classes, plug-ins, a model's own code.
PLAIN_ARGUMENTS = frozenset(
    {
        "block_size",
        "cpu_offload_gb",
        "disable_log_stats",
        "enable_chunked_prefill",
        "enable_prefix_caching",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "max_num_batched_tokens",
        "max_num_seqs",
        "pipeline_parallel_size",
        "quantization",
        "seed",
        "swap_space",
        "tensor_parallel_size",
    }
)
Nats = Annotated[float, Field(gt=0)]


class FollowingConfig(EngineConfig):
    """An engine that writes with weights of its own and is given the trained ones after each step, as files.

    ``weights_dir``: where they are written, for the engine to read; ``None``: a folder for temporary files. After each
    hand-over some tokens are sampled and compared: ``handover_gap`` is what a log-probability may differ by from the
    trainer's, in nats; ``None``: 1e-4, or 0.5 where the engine is known to compute in half precision.
    ``trainer_device``: where the trained weights are, "auto" takes CUDA where there is a device. ``sleep``: the engine
    gives the memory of its device back while the policy is learned from, for a trainer on the same one.
    """

    takes_weights: ClassVar[bool] = True
    starts: ClassVar[bool] = True  # it is started from files; ``False``: it runs already

    weights_dir: Path | None = None
    handover_gap: Nats | None = None
    trainer_device: str = "auto"
    sleep: bool = False

    def check_recipe(self, recipe: Any) -> None:
        """Who sleeps while the policy is learned from writes nothing meanwhile."""
        super().check_recipe(recipe)
        if self.sleep and recipe.train.staleness:
            raise ValueError(
                f"engine.sleep and train.staleness = {recipe.train.staleness}: with rollouts ahead the engine writes "
                "while the policy is learned from; leave one of them out"
            )


class VllmConfig(FollowingConfig):
    """vLLM in this process, for a model in a folder (``make venv-vllm``; a server of it is ``vllm_server``).

    ``slots``: completions written at the same time. ``max_context``: tokens, ``None`` for what the model allows.
    ``chat`` as for ``transformers``. ``eager``: no compilation, which takes minutes. ``extra``: more engine
    arguments; others than numbers and switches may name code and need ``--allow-imports``. Training through it:
    ``weights_dir``, ``handover_gap``, ``trainer_device`` (docs/scaling.md).
    """

    type: Literal["vllm"] = "vllm"
    slots: int = Field(default=64, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    chat: bool = False
    eager: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("extra")
    @classmethod
    def _names_no_code(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for key in sorted(extra.keys() - PLAIN_ARGUMENTS):
            permitted(f"engine.extra.{key}")
        return extra

    async def check(self, model: str) -> None:
        """Say where vLLM cannot sleep on the device that there is. Raises ``ConfigError``, ``Mem1Error``."""
        if self.sleep:
            from mem1.inference.vllm.platform import check_sleep, device

            check_sleep(device())

    def build(self, model: str) -> Engine:
        """The engine for a model in a folder."""
        from mem1.inference.folders import find_folder

        return self.follow(model, find_folder(model), adapter_rank=None)

    def follow(self, model: str, folder: Path, *, adapter_rank: int | None) -> Follower:
        """The engine for a policy that begins as the model in ``folder``."""
        from mem1.inference.folders import local_tokenizer
        from mem1.inference.vllm.engine import VllmEngine

        tokenizer = local_tokenizer(str(folder), chat=self.chat)
        return VllmEngine.start(self, folder, tokenizer, adapter_rank=adapter_rank)


class VllmServerConfig(OpenAiConfig, FollowingConfig):
    """A server of vLLM, which takes and returns token ids, and is given weights where it is trained through.

    Keys as for ``openai`` with ``exact``; the recipe's ``model`` is the policy's folder here. ``served_name``: its name
    at the server, ``None`` where that is the folder as well. ``tokenizer``: by default the model's own. The server must
    see ``weights_dir`` at the same path, and be started with ``VLLM_SERVER_DEV_MODE=1`` (docs/scaling.md). It does not
    say what it computes in: ``handover_gap`` is 1e-4 unless set, and 0.5 suits one in half precision.
    """

    starts: ClassVar[bool] = False

    type: Literal["vllm_server"] = "vllm_server"  # type: ignore[assignment]
    style: Literal["completion"] = "completion"
    exact: Literal[True] = True
    tokenizer: str = ""
    served_name: str | None = None

    @model_validator(mode="after")
    def _has_control_calls(self) -> Self:
        if not self.base_url.rstrip("/").endswith("/v1"):
            raise ValueError("base_url must end in /v1: vLLM has its control calls beside that")
        return self

    def build(self, model: str) -> VllmServerEngine:
        """The client of the server; ``model`` is the policy's folder here."""
        return self._engine(model, model)

    def follow(self, model: str, folder: Path, *, adapter_rank: int | None) -> Follower:
        """The same, for a policy that is trained here."""
        return self._engine(model, str(folder))

    async def check(self, model: str) -> None:
        """Ask the server once, and whether it can sleep where it will be told to."""
        engine = self._engine(model, model)
        try:
            await engine.check()
            if self.sleep:
                await engine.check_sleep()
        finally:
            await engine.close()

    def _engine(self, model: str, tokenizer: str) -> VllmServerEngine:
        from mem1.inference.folders import local_tokenizer
        from mem1.inference.vllm.server import VllmServerEngine

        known = local_tokenizer(self.tokenizer or tokenizer, chat=self.chat)
        return VllmServerEngine(self, self.served_name or model, known)
