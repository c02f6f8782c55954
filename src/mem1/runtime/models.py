"""What a recipe writes with: tokenizer, policy, engines. Torch is imported where weights are needed only."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mem1.errors import ConfigError
from mem1.event_loop import run_here
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.config import PLAIN_TOKENIZER, OpenAiConfig, TransformersConfig
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.weights import SharedWeights
from mem1.memory.text.tags import Tags
from mem1.recipe import NEW_TINY, Recipe

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.inference.hf.tokenizer import HfTokenizer
    from mem1.inference.hf.transformers_engine import TransformersEngine
    from mem1.train.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A policy whose weights are here.

    ``trained`` is ``policy`` itself, with the adapter in it if there is one, or its copy in float32 where the sampler
    writes in half precision.
    """

    tokenizer: HfTokenizer
    policy: Policy
    trained: Policy
    sampler: TransformersEngine

    def hand_over(self, version: int) -> None:
        """Let the sampler write with the trained weights as they are after ``version`` steps."""
        from mem1.inference.hf.loading import copy_weights

        def copy() -> None:
            copy_weights(self.trained.model, self.policy.model)

        shared = SharedWeights(None if self.trained is self.policy else copy)
        run_here(self.sampler.update_weights(version, shared))


def build_local(recipe: Recipe, texts: Callable[[], Iterable[str]], *, trains: bool) -> LocalModel:
    """The recipe's policy; with ``trains`` ready to be trained. ``texts`` are what a new tokenizer learns from.

    Raises ``ConfigError`` where the engine's weights are not here, ``ModelError`` where there is no such model.
    """
    settings = local_settings(recipe)
    tokenizer = build_tokenizer(recipe, texts)
    policy = _policy(recipe, settings, tokenizer)
    trained = _trained(recipe, settings, policy) if trains else policy
    return LocalModel(tokenizer, policy, trained, settings.share(policy.model, tokenizer))


def local_settings(recipe: Recipe) -> TransformersConfig:
    """The settings of the engine that shares the policy's weights. Raises ``ConfigError`` for any other one."""
    engine = recipe.writer
    if not isinstance(engine, TransformersConfig):
        raise ConfigError(
            f"the engine {engine.type!r} writes with weights that are not here to be trained",
            where="engine.type",
            hint='train with [engine] type = "transformers" and a model\'s folder; to learn from what another '
            "model writes, collect its episodes as demonstrations",
        )
    return engine


def build_tokenizer(recipe: Recipe, texts: Callable[[], Iterable[str]]) -> HfTokenizer:
    """The policy's tokenizer; that of a new model is trained on ``texts``."""
    from mem1.inference.hf.loading import load_tokenizer
    from mem1.train.tiny.model import train_tokenizer

    if recipe.model == NEW_TINY:
        return train_tokenizer(texts(), recipe.tiny.vocabulary, Tags().control_strings, recipe.tiny.keys)
    return load_tokenizer(recipe.model, chat=local_settings(recipe).chat)


def tokenizer_of(recipe: Recipe, texts: Callable[[], Iterable[str]]) -> Tokenizer:
    """What counts the recipe's tokens, without its weights and without asking its server.

    An engine from outside, of which nothing is known, is counted as endpoints are: bytes by four.
    """
    from mem1.inference.folders import find_folder, local_tokenizer

    match recipe.writer:
        case TransformersConfig():
            return build_tokenizer(recipe, texts)
        case OpenAiConfig() as engine:
            return local_tokenizer(engine.tokenizer, chat=engine.chat, special_strings=engine.special_strings)
        case VllmConfig() as engine:
            return local_tokenizer(str(find_folder(recipe.model)), chat=engine.chat)
    return local_tokenizer(PLAIN_TOKENIZER)


def build_side_engine(recipe: Recipe) -> Engine | None:
    """Who answers a memory's side calls, if not the policy: another local model, or another at the endpoint."""
    return None if recipe.side_model is None else recipe.engine.for_side_model().build(recipe.side_model)


def seed(recipe: Recipe) -> None:
    """Seed torch, where weights are here; a model behind an endpoint is evaluated without torch."""
    if recipe.writer.shares_weights:
        from mem1.train.seeding import seed_torch

        seed_torch(recipe.seed)


def _policy(recipe: Recipe, settings: TransformersConfig, tokenizer: HfTokenizer) -> Policy:
    from mem1.inference.hf.loading import load_model
    from mem1.train.policy.policy import Policy
    from mem1.train.tiny.model import make_tiny

    if recipe.model == NEW_TINY:
        size = tokenizer.vocabulary_size
        return Policy(make_tiny(recipe.tiny, size, range(size - recipe.tiny.keys, size)))
    return Policy(load_model(recipe.model, dtype=settings.dtype, device=settings.device))


def _trained(recipe: Recipe, settings: TransformersConfig, policy: Policy) -> Policy:
    """With ``lora`` an adapter is in the policy. Whole weights are trained in float32, whatever the engine's are."""
    from mem1.inference.hf.loading import is_float32, load_model
    from mem1.train.policy.adapters import add_adapter
    from mem1.train.policy.policy import Policy

    if recipe.lora is not None:
        add_adapter(policy.model, recipe.lora, base=recipe.model, seed=recipe.seed)
        return policy
    if is_float32(policy.model):
        return policy
    return Policy(load_model(recipe.model, dtype="float32", device=settings.device))
