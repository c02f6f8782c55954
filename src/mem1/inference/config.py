"""Settings of the engines: one class each, told apart by ``type``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mem1.config import Config
from mem1.http.addresses import VariableName, address
from mem1.prices import Prices
from mem1.registry import Kind, Part

if TYPE_CHECKING:  # what is built is loaded when it is built, not by reading a recipe
    from pathlib import Path

    from mem1.inference.base import Engine
    from mem1.inference.endpoint.openai_engine import OpenAiEngine
    from mem1.inference.following import Follower
    from mem1.inference.hf.tokenizer import HfTokenizer
    from mem1.inference.hf.transformers_engine import TransformersEngine

Schedule = Literal["continuous", "lockstep"]
PLAIN_TOKENIZER = "builtin:utf8"
# Control strings that do without "<", as far as served models have them: Mistral's and GLM's.
SQUARE_BRACKETS = (
    *(
        f"[{slash}{name}]"
        for name in ("INST", "SYSTEM_PROMPT", "AVAILABLE_TOOLS", "TOOL_RESULTS", "MODEL_SETTINGS", "THINK")
        for slash in ("", "/")
    ),
    *(f"[{name}]" for name in ("TOOL_CALLS", "TOOL_CONTENT", "ARGS", "CALL_ID", "PREFIX", "MIDDLE", "SUFFIX")),
    *(f"[{name}]" for name in ("IMG", "IMG_BREAK", "IMG_END", "AUDIO", "BEGIN_AUDIO", "TRANSCRIBE")),
    *(f"[{name}]" for name in ("gMASK", "sMASK", "MASK")),
)
_SECRET = re.compile(r"(?i)api.?key|authori[sz]ation|password|secret")
# What the engine itself says in a request.
_OURS = {
    "model",
    "messages",
    "prompt",
    "stop",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "stream",
    "return_token_ids",
}

Seconds = Annotated[float, Field(gt=0)]


class EngineConfig(Part):
    """Any engine, told apart by ``type``. ``slots``: completions written at the same time; ``max_context``: tokens.

    ``shares_weights``: it writes with the policy's own weights, which can be trained; others are connected to
    (``build``). Of those, ``takes_weights``: it can be given the trained ones after each step (``follow``).
    """

    part_kind: ClassVar[Kind] = "engine"
    default_type: ClassVar[str | None] = "transformers"
    shares_weights: ClassVar[bool] = False
    takes_weights: ClassVar[bool] = False

    slots: int = Field(default=16, ge=1)
    max_context: int | None = Field(default=None, ge=2)

    def check_recipe(self, recipe: Any) -> None:
        """What is trained must be known at the temperature that it is sampled at."""
        if recipe.train.temperature != 1 and not (self.shares_weights or recipe.backend.samples):
            raise ValueError(
                f"engine {self.type!r} reports log-probabilities at temperature 1: set train.temperature = 1, or "
                'engine.type = "transformers"'
            )

    def for_side_model(self) -> Self:
        """The same for a model that only answers side calls."""
        return self

    async def check(self, model: str) -> None:
        """Ask once whether the server of ``model`` is there, if any. Raises ``BackendError``, ``ConfigError``."""

    def build(self, model: str) -> Engine:
        """The engine that writes with ``model``: a server's name of it, a folder, or one that is shipped.

        Raises ``ConfigError``, ``ModelError``; ``Mem1Error`` where a package is missing.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how its engine is made: define build")

    def follow(self, model: str, folder: Path, *, adapter_rank: int | None) -> Follower:
        """An engine for a policy that is trained elsewhere and begins as ``model``, whose files lie in ``folder``.

        ``adapter_rank``: it will be given low-rank adapters of that rank; ``None``: whole weights. Raises as ``build``.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say how its engine takes weights: define follow")


class TransformersConfig(EngineConfig):
    """The transformers engine.

    ``slots``: completions written at the same time. ``max_context``: tokens, ``None`` for what the
    model allows. ``prefill_tokens``: most (padded) prompt tokens between two decoding steps.
    ``device``: "auto" takes CUDA where there is a device. ``dtype``: "auto" keeps the checkpoint's.
    ``chat``: the task prompt is wrapped by the tokenizer's chat template, as instruct models expect it.
    """

    shares_weights: ClassVar[bool] = True

    type: Literal["transformers"] = "transformers"
    slots: int = Field(default=64, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    prefill_tokens: int = Field(default=4096, ge=1)
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
    chat: bool = False

    def build(self, model: str) -> TransformersEngine:
        """An engine over weights of its own."""
        from mem1.inference.hf.loading import load_model, load_tokenizer

        weights = load_model(model, dtype=self.dtype, device=self.device)
        return self.share(weights, load_tokenizer(model, chat=self.chat))

    def share(self, weights: Any, tokenizer: HfTokenizer) -> TransformersEngine:
        """An engine over the weights that are there already."""
        from mem1.inference.hf.transformers_engine import TransformersEngine

        return TransformersEngine(
            weights,
            tokenizer,
            slots=self.slots,
            max_context=self.max_context,
            prefill_tokens=self.prefill_tokens,
        )


class Timeouts(Config):
    """Seconds: to connect, between two bytes of an answer, and for one try altogether."""

    connect: Seconds = 10.0
    read: Seconds = 300.0
    total: Seconds = 600.0


class OpenAiConfig(EngineConfig):
    """A model behind an OpenAI-compatible endpoint; the recipe's ``model`` is its name there.

    ``key_env`` names the environment variable that holds the key (``None``: the server wants none).
    ``style``: ``/chat/completions`` or ``/completions``. ``exact``: token ids in and out with log-probabilities (vLLM).
    ``chat``: P is wrapped by the tokenizer's chat template here, for ``exact`` or style "completion".
    ``tokenizer`` counts tokens where the server takes text, and must be the model's own where it takes ids: a
    folder, ``package:smollm2``, ``builtin:tiny`` or ``builtin:utf8``. ``special_strings`` are more control strings
    of the server's tokenizer, to be broken in untrusted text. ``slots``: calls at the same time.

    ``continues``: a chat server that takes a begun assistant message (``continue_final_message``).
    ``stop_strings``: most that the server takes; 0 sends none, everything is then cut here. ``max_tokens_key``:
    what newer models of some servers call it. ``omit``: parameters that the server refuses. ``extra``: more of
    the request's body.

    ``retries`` after a failure that may pass, ``first_wait`` seconds before the first, doubling; a server that asks for
    more than ``longest_wait`` is given up. ``prices`` are those of ``model``, ``side_prices`` those of ``side_model``.
    """

    type: Literal["openai"] = "openai"
    base_url: Annotated[str, address("engine.key_env")]
    key_env: VariableName | None = None
    style: Literal["chat", "completion"] = "chat"
    exact: bool = False
    chat: bool = False
    tokenizer: str = PLAIN_TOKENIZER
    special_strings: tuple[str, ...] = SQUARE_BRACKETS
    slots: int = Field(default=16, ge=1)
    max_context: int = Field(default=32_768, ge=2)
    continues: bool = False
    stop_strings: int = Field(default=4, ge=0)
    max_tokens_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    omit: tuple[Literal["seed", "temperature"], ...] = ()
    extra: dict[str, Any] = Field(default_factory=dict)
    retries: int = Field(default=5, ge=0)
    first_wait: Seconds = 0.5
    longest_wait: Seconds = 60.0
    timeouts: Timeouts = Timeouts()
    prices: Prices | None = None
    side_prices: Prices | None = None

    def for_side_model(self) -> Self:
        """With prices of its own: those of the policy are not applied to another model."""
        return self.model_copy(update={"prices": self.side_prices})

    async def check(self, model: str) -> None:
        """Ask the server once."""
        engine = self.build(model)
        await engine.check()
        await engine.close()

    def build(self, model: str) -> OpenAiEngine:
        """The client of ``model``, the server's name of it."""
        from mem1.inference.endpoint.openai_engine import OpenAiEngine
        from mem1.inference.folders import local_tokenizer

        tokenizer = local_tokenizer(self.tokenizer, chat=self.chat, special_strings=self.special_strings)
        return OpenAiEngine(self, model, tokenizer)

    @field_validator("extra")
    @classmethod
    def _leaves_ours_alone(cls, extra: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_OURS & extra.keys()):
            raise ValueError(f"the engine itself sets {', '.join(taken)}")
        if secret := sorted(key for key in extra if _SECRET.search(key)):
            raise ValueError(f"{', '.join(secret)}: keys never stand in a recipe; see engine.key_env")
        return extra

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.exact and self.style != "completion":
            raise ValueError('exact = true needs style = "completion": chat takes no token ids')
        if self.exact and self.tokenizer == PLAIN_TOKENIZER:
            raise ValueError("exact = true needs engine.tokenizer: the folder of the model's own")
        if self.chat and self.style == "chat":
            raise ValueError('the server applies the template in style = "chat"; drop engine.chat')
        if self.chat and self.tokenizer == PLAIN_TOKENIZER:
            raise ValueError(
                "chat = true needs engine.tokenizer: the folder of the model's own, with its chat template"
            )
        return self
