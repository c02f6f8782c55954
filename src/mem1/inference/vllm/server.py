"""vLLM's own server as the engine of a policy that is trained here.

It is asked for completions as any server that takes token ids, and given weights by its control calls, which stand
beside ``/v1`` where it was started with ``VLLM_SERVER_DEV_MODE=1``. It is told a name for the weights it has; a server
that was started anew in the meantime, or was given weights by somebody else, has another one.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem1.errors import BackendError, ConfigError
from mem1.http.client import HttpClient
from mem1.http.errors import BadAnswerError, HttpError
from mem1.http.secret import Secret
from mem1.inference.base import Request, Tokenizer
from mem1.inference.endpoint.connection import service
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.folders import is_adapter
from mem1.inference.following import EXACT
from mem1.inference.weights import FileWeights, WeightSource, refuse
from mem1.types import Completion

if TYPE_CHECKING:
    from mem1.inference.vllm.config import VllmServerConfig

_ADAPTER = "trained"  # what the adapter is called at the server
_START = (
    "start the server with VLLM_SERVER_DEV_MODE=1 in its environment (for adapters also "
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora), and let it see the weights at the path given"
)


class ServerWeightsError(BackendError):
    """The server does not write with the weights that it was given."""

    ends_run = True


class VllmServerEngine(OpenAiEngine):
    """The server of ``config``. ``model``: the policy's name there; ``tokenizer``: the policy's own."""

    def __init__(self, config: VllmServerConfig, model: str, tokenizer: Tokenizer) -> None:
        super().__init__(config, model, tokenizer)
        root = config.base_url.rstrip("/").removesuffix("/v1")
        settings = service(config.model_copy(update={"base_url": root}))
        self._control = HttpClient(settings, Secret.from_environment(config.key_env))
        self.handover_gap = config.handover_gap or EXACT
        self._run = uuid.uuid4().hex[:8]
        self._given: str | None = None
        self._sleeps, self._asleep = config.sleep, False

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""
        if self._asleep:  # the server would hold the request until it wakes
            raise BackendError(
                "the server sleeps", where=request.session, hint="give it weights first: update_weights wakes it"
            )
        return await super().generate(request)

    async def check_sleep(self) -> None:
        """Raise ``ConfigError`` where the server was not started for sleep: its calls for it would then do nothing."""
        available, _ = await self._control.get("/server_info", {"config_format": "json"}, _sleeps)
        if not available:
            raise ConfigError(
                "the server cannot give its memory back: it was started without --enable-sleep-mode",
                where="engine.sleep",
                hint="start it with that flag (CUDA, ROCm and XPU devices only), or leave engine.sleep out",
            )

    async def update_weights(self, version: int, source: WeightSource) -> None:
        """Take the weights, or the low-rank adapter, that lie in a folder.

        Wakes the server where it may sleep, also one that was left asleep by a run that ended. Raises ``BackendError``
        while something is being written and where the server does not take them.
        """
        if not isinstance(source, FileWeights):
            refuse(self, source)
        self._pending.check_idle()
        folder = source.folder.resolve()
        name = f"{self._run}/{version}"
        try:
            if self._sleeps:  # room for the weights first, and for the cache when they are there
                await self._control.tell("/wake_up?tags=weights", {})
            await self._load(folder)
            if self._sleeps:
                await self._control.tell("/wake_up?tags=kv_cache", {})
                self._asleep = False
            reset = await self._control.call("/reset_prefix_cache", {}, _success)
            await self._control.tell("/update_weight_version", {"new_version": name})
        except HttpError as error:
            raise ServerWeightsError(
                f"the server does not take the weights in {folder}: {error.what}", where=error.where, hint=_START
            ) from error
        if not reset[0]:
            raise ServerWeightsError(
                "the server still holds prefixes that were computed under the former weights",
                where=self._config.base_url,
                hint="nobody else may use it while a policy is trained through it",
            )
        self._given, self.policy_version = name, version

    async def sleep(self) -> None:
        """Let the server give its device's memory back until it is given weights.

        Weights beneath an adapter wait in its main memory; others are given anew. Raises ``BackendError``.
        """
        self._pending.check_idle()
        level = 1 if self._model == _ADAPTER else 2
        if not self._asleep:
            await self._control.tell(f"/sleep?level={level}", {})
            self._asleep = True

    async def confirm(self) -> None:
        """Raise where the server has other weights than it was given last. Raises ``BackendError``."""
        if self._given is None:
            return
        found, _ = await self._control.get("/weight_info", {}, _version)
        if found != self._given:
            raise ServerWeightsError(
                f"the server's weights are {found!r}, it was given {self._given!r}: it was started anew, or somebody "
                "else gave it weights",
                where=self._config.base_url,
                hint="what it wrote in this step is not used; go on with the run: --run DIR --resume",
            )

    async def close(self) -> None:
        """Close the connections. Pending calls fail with ``BackendError``."""
        await super().close()
        await self._control.close()

    async def _load(self, folder: Path) -> None:
        if is_adapter(folder):
            body = {"lora_name": _ADAPTER, "lora_path": str(folder), "load_inplace": True}
            await self._control.tell("/v1/load_lora_adapter", body)
            self._model = _ADAPTER
        else:
            body = {"method": "reload_weights", "kwargs": {"weights_path": str(folder)}}
            await self._control.tell("/collective_rpc", body)


def _success(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("success") is True


def _sleeps(answer: Any) -> bool:
    """``vllm_config.model_config.enable_sleep_mode`` of ``/server_info``."""
    for key in ("vllm_config", "model_config"):
        answer = answer.get(key) if isinstance(answer, dict) else None
    found = answer.get("enable_sleep_mode") if isinstance(answer, dict) else None
    if not isinstance(found, bool):
        raise BadAnswerError("the server does not say whether it can sleep", hint=_START)
    return found


def _version(answer: Any) -> str:
    found = answer.get("weight_version") if isinstance(answer, dict) else None
    if not isinstance(found, str):
        raise BadAnswerError("the server does not say which weights it has", hint=_START)
    return found
