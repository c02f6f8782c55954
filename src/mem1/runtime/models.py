"""What a recipe writes with: tokenizer, policy, engines. Torch is imported where weights are needed only."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from mem1.errors import ConfigError
from mem1.event_loop import run_here
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.config import PLAIN_TOKENIZER, OpenAiConfig, TransformersConfig
from mem1.inference.folders import find_folder, is_adapter
from mem1.inference.vllm.config import FollowingConfig, VllmConfig, VllmServerConfig
from mem1.inference.weights import SharedWeights
from mem1.memory.text.tags import Tags
from mem1.recipe import NEW_TINY, Recipe

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.inference.following import Follower
    from mem1.inference.hf.tokenizer import HfTokenizer
    from mem1.inference.hf.transformers_engine import TransformersEngine
    from mem1.train.backends.handover import WeightFiles
    from mem1.train.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A policy whose weights are here.

    ``trained`` is ``policy`` itself, with the adapter in it if there is one, or its copy in float32 where the sampler
    writes with other numbers: in half precision, or in another process, or with the weights of an earlier step.
    ``files``: how the trained weights reach a sampler in another process; ``None``: it is in this one. ``sleeps``: the
    sampler gives its memory back while the policy is learned from.
    """

    tokenizer: HfTokenizer
    policy: Policy
    trained: Policy
    sampler: TransformersEngine | Follower
    files: WeightFiles | None = None
    sleeps: bool = False

    def rest(self) -> None:
        """Let the sampler give its memory back until the next hand-over, if it is one that does."""
        if self.sleeps:
            run_here(cast("Follower", self.sampler).sleep())

    def hand_over(self, version: int) -> None:
        """Let the sampler write with the trained weights as they are after ``version`` steps, and see that it does."""
        run_here(self._hand_over(version))

    async def confirm(self) -> None:
        """Raise ``BackendError`` where the sampler has lost the weights that it was given last."""
        if self.files is not None:
            await cast("Follower", self.sampler).confirm()

    async def _hand_over(self, version: int) -> None:
        from mem1.inference.hf.loading import copy_weights

        def bring_up() -> None:
            copy_weights(self.trained.model, self.policy.model)

        if self.files is None:
            shared = SharedWeights(None if self.trained is self.policy else bring_up)
            await self.sampler.update_weights(version, shared)
            return
        from mem1.train.backends.handover import check_handed_over, free_unused

        if self.sleeps:
            free_unused(self.trained.device)
        await self.sampler.update_weights(version, self.files.write(version))
        await check_handed_over(cast("Follower", self.sampler), self.trained.model, version)


def build_local(recipe: Recipe, texts: Callable[[], Iterable[str]], *, trains: bool) -> LocalModel:
    """The recipe's policy; with ``trains`` ready to be trained. ``texts`` are what a new tokenizer learns from.

    Raises ``ConfigError`` where the engine can neither share the policy's weights nor be given them, ``ModelError``
    where there is no such model.
    """
    check_trainable(recipe)
    settings = recipe.writer
    tokenizer = build_tokenizer(recipe, texts)
    if isinstance(settings, TransformersConfig):
        policy = _policy(recipe, tokenizer, dtype=settings.dtype, device=settings.device)
        trained = _trained(recipe, settings, policy) if trains else policy
        return LocalModel(tokenizer, policy, trained, settings.share(policy.model, tokenizer))
    assert isinstance(settings, FollowingConfig)
    policy = _policy(recipe, tokenizer, dtype="float32", device=settings.trainer_device)
    return _followed(recipe, settings, tokenizer, policy)


def check_trainable(recipe: Recipe) -> None:
    """Raise ``ConfigError`` where the engine's weights are not here, and it cannot be given any either."""
    engine = recipe.writer
    if not (isinstance(engine, TransformersConfig) or engine.takes_weights):
        raise ConfigError(
            f"the engine {engine.type!r} writes with weights that are not here to be trained",
            where="engine.type",
            hint='train with [engine] type = "transformers" and a model\'s folder, or with "vllm" or "vllm_server"; to '
            "learn from what another model writes, collect its episodes as demonstrations",
        )


def _followed(recipe: Recipe, settings: FollowingConfig, tokenizer: HfTokenizer, policy: Policy) -> LocalModel:
    """An engine elsewhere starts from the policy as it is now, and follows it."""
    from mem1.train.backends.handover import WeightFiles
    from mem1.train.policy.adapters import add_adapter

    untied = policy.device.type == "cpu" and bool(policy.model.config.tie_word_embeddings)
    files = WeightFiles(policy.model, settings.weights_dir, untied=untied, extra_files=tokenizer.save)
    stored = recipe.model != NEW_TINY and not is_adapter(find_folder(recipe.model))
    start = find_folder(recipe.model) if (stored and not untied) or not settings.starts else files.whole()
    if recipe.lora is not None:
        add_adapter(policy.model, recipe.lora, base=recipe.model, seed=recipe.seed)
    rank = None if recipe.lora is None else recipe.lora.r
    return LocalModel(
        tokenizer, policy, policy, settings.follow(recipe.model, start, adapter_rank=rank), files, settings.sleep
    )


def build_tokenizer(recipe: Recipe, texts: Callable[[], Iterable[str]]) -> HfTokenizer:
    """The policy's tokenizer; that of a new model is trained on ``texts``."""
    from mem1.inference.hf.loading import load_tokenizer
    from mem1.train.tiny.model import train_tokenizer

    if recipe.model == NEW_TINY:
        return train_tokenizer(texts(), recipe.tiny.vocabulary, Tags().control_strings, recipe.tiny.keys)
    return load_tokenizer(recipe.model, chat=bool(getattr(recipe.writer, "chat", False)))


def tokenizer_of(recipe: Recipe, texts: Callable[[], Iterable[str]]) -> Tokenizer:
    """What counts the recipe's tokens, without its weights and without asking its server.

    An engine from outside that states no ``tokenizer`` is counted as endpoints are: bytes by four.
    """
    from mem1.inference.folders import local_tokenizer

    match recipe.writer:
        case TransformersConfig():
            return build_tokenizer(recipe, texts)
        case VllmServerConfig() as engine:
            return local_tokenizer(engine.tokenizer or recipe.model, chat=engine.chat)
        case OpenAiConfig() as engine:
            return local_tokenizer(engine.tokenizer, chat=engine.chat, special_strings=engine.special_strings)
        case VllmConfig() as engine:
            return local_tokenizer(str(find_folder(recipe.model)), chat=engine.chat)
    stated = getattr(recipe.writer, "tokenizer", PLAIN_TOKENIZER)
    return local_tokenizer(stated, chat=bool(getattr(recipe.writer, "chat", False)))


def build_side_engine(recipe: Recipe) -> Engine | None:
    """Who answers a memory's side calls, if not the policy: another local model, or another at the endpoint."""
    return None if recipe.side_model is None else recipe.engine.for_side_model().build(recipe.side_model)


def seed(recipe: Recipe, *, trains: bool = False) -> None:
    """Seed torch, where weights are here; a model behind an endpoint is evaluated without torch."""
    if recipe.writer.shares_weights or trains:
        from mem1.train.seeding import seed_torch

        seed_torch(recipe.seed)


def _policy(recipe: Recipe, tokenizer: HfTokenizer, *, dtype: str, device: str) -> Policy:
    from mem1.inference.hf.loading import load_model, move
    from mem1.train.policy.policy import Policy
    from mem1.train.tiny.model import make_tiny

    if recipe.model == NEW_TINY:
        size = tokenizer.vocabulary_size
        model = make_tiny(recipe.tiny, size, range(size - recipe.tiny.keys, size))
        move(model, device)
        return Policy(model)
    return Policy(load_model(recipe.model, dtype=dtype, device=device))


def _trained(recipe: Recipe, settings: TransformersConfig, policy: Policy) -> Policy:
    """With ``lora`` an adapter is in the policy. Whole weights are trained in float32, whatever the engine's are.

    Where rollouts are made while weights change, the engine keeps a copy of them.
    """
    from mem1.inference.hf.loading import is_float32, load_model
    from mem1.train.policy.adapters import add_adapter
    from mem1.train.policy.policy import Policy

    if recipe.lora is not None:
        add_adapter(policy.model, recipe.lora, base=recipe.model, seed=recipe.seed)
    if recipe.lora is not None or is_float32(policy.model):
        return Policy(copy.deepcopy(policy.model)) if recipe.train.staleness else policy
    return Policy(load_model(recipe.model, dtype="float32", device=settings.device))
