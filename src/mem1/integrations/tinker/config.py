"""Settings of a service that speaks the Tinker protocol, for sampling alone and for training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from mem1.config import Config
from mem1.http.addresses import VariableName, address
from mem1.inference.config import EngineConfig
from mem1.prices import Price, Prices
from mem1.train.backends.keys import BY_THE_LOOP, IN_THIS_PROCESS, given
from mem1.train.config import BackendConfig, Launch

if TYPE_CHECKING:
    from mem1.integrations.tinker.engine import TinkerEngine

Loss = Literal["importance_sampling", "ppo", "cispo"]
_CLIPS = {"train.clip_low": "", "train.clip_high": ""}
REFUSED: Mapping[str, str] = {
    **IN_THIS_PROCESS,
    "train.dual_clip": "the protocol has no such loss",
    "train.kl.coef": "there is no reference policy",
    "train.entropy_coef": "the protocol has no such term",
    "train.rows": "the service lays out rows itself",
    "train.checkpointing": "the service chooses what it keeps of a forward pass",
    "train.autocast": "the service chooses its precision",
    "engine": "the service samples; slots, max_context and chat are keys of backend",
}


class TinkerPrices(Prices):
    """Prices of a million tokens; ``train``: of those that an optimizer step reads; scoring before it is ``input``."""

    train: Price


class TinkerService(Config):
    """Where the service is, and whose tokens it takes.

    ``key_env`` names the environment variable that holds the key (``None``: it wants none). ``tokenizer``: that of the
    base model: a folder with ``tokenizer.json``, ``package:smollm2`` or a shipped one; ``chat``: P is wrapped by its
    chat template. ``max_context`` in tokens; ``None``: what the service says of the model. ``slots``: completions at
    the same time. ``timeout``: seconds that any one answer may take, a first step that compiles among them.
    """

    base_url: Annotated[str, address("backend.key_env")]
    key_env: VariableName | None = None
    tokenizer: str
    chat: bool = False
    slots: int = Field(default=64, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    timeout: Annotated[float, Field(gt=0)] = 900.0
    prices: TinkerPrices | None = None


class TinkerEngineConfig(TinkerService, EngineConfig):
    """Samples from the recipe's ``model``: a base model's name at the service, or the ``tinker://`` path of an adapter.

    The path is what a training run notes in each checkpoint's ``service.json``.
    """

    type: Literal["tinker"] = "tinker"

    async def check(self, model: str) -> None:
        """Ask the service once whether it is there."""
        from mem1.integrations.tinker.client import reach

        await reach(self)

    def build(self, model: str) -> TinkerEngine:
        """The sampler of ``model``."""
        from mem1.integrations.tinker.client import Connection
        from mem1.integrations.tinker.engine import TinkerEngine

        connection = Connection(self)
        return TinkerEngine(self, connection.sampler(model), connection.max_context(model))


class TinkerConfig(TinkerService, BackendConfig):
    """Trains an adapter of rank ``rank`` on the recipe's ``model`` (a base model's name at the service).

    ``loss``: what the service does with advantages and the log-probabilities before the first of a rollout's updates:
    ``importance_sampling`` (the ratio to them, not clipped), ``ppo`` (clipped by ``train.clip_low`` and
    ``train.clip_high``) or ``cispo``.
    ``convention``: how it brings the gradients of rows together. ``measure`` finds out by three small steps on an
    adapter that is thrown away and corrects for it; ``sum`` is the protocol's own; ``mean`` divides by the number of
    rows and in each by its trained tokens, as SkyRL's server does.
    """

    honours: ClassVar[frozenset[str]] = BY_THE_LOOP
    refuses: ClassVar[Mapping[str, str]] = REFUSED

    type: Literal["tinker"] = "tinker"
    rank: int = Field(default=32, ge=1)
    loss: Loss = "importance_sampling"
    convention: Literal["measure", "sum", "mean"] = "measure"

    @property
    def writer(self) -> TinkerEngineConfig:
        """The service itself: evaluations of the same recipe sample there too."""
        shared = {key: value for key, value in self if key in TinkerService.model_fields}
        return TinkerEngineConfig(**shared)

    def check_recipe(self, recipe: Any) -> None:
        """Raise ``ValueError`` for what only a trainer in this process can do."""
        super().check_recipe(recipe)
        train = recipe.train
        if train.algorithm.type == "ppo":
            raise ValueError("a training service cannot do train.algorithm.type = 'ppo': its critic is trained here")
        if self.loss == "importance_sampling" and (clip := given(recipe, _CLIPS)):
            told = f'backend.loss = "importance_sampling" clips nothing, and {", ".join(clip)} is given'
            raise ValueError(f'{told}: set backend.loss = "ppo"')
        loss = train.loss.type
        if loss not in ("clip", "cispo") or (loss == "cispo") != (self.loss == "cispo"):
            raise ValueError(
                f'train.loss.type = "{loss}" and backend.loss = "{self.loss}" do not go together: '
                'the service knows importance_sampling and ppo (for "clip"), and cispo'
            )
        if recipe.lora is not None:
            raise ValueError("lora adapts weights that are here; at the service the adapter's rank is backend.rank")
        if recipe.side_model is not None:
            raise ValueError("side_model is not served there: leave it out, the policy answers its own side calls")

    def launch(self) -> Launch:
        """Train there."""
        from mem1.integrations.tinker.launch import launch

        return launch
