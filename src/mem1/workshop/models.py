"""What a recipe writes with: tokenizer, policy, engines."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from mem1.errors import ConfigError
from mem1.inference.base import Engine
from mem1.inference.config import TransformersConfig
from mem1.inference.scripted.shopper import shopper_engine
from mem1.memory.text.tags import Tags
from mem1.recipe import SHOPPER
from mem1.workshop.lessons import tokenizer_texts
from mem1.workshop.materials import Materials

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.inference.hf.tokenizer import HfTokenizer
    from mem1.inference.hf.transformers_engine import TransformersEngine
    from mem1.train.policy.policy import Policy

_NEW_TINY = "new:tiny"


class Models(Materials):
    """A recipe's models. Torch is imported where weights are needed, so that endpoints do without."""

    @cached_property
    def tokenizer(self) -> HfTokenizer:
        """The policy's tokenizer; for a new tiny model, trained on the world's train split."""
        from mem1.inference.hf.loading import load_tokenizer
        from mem1.train.tiny.model import train_tokenizer

        if self.recipe.model == _NEW_TINY:
            return train_tokenizer(tokenizer_texts(self), self.recipe.tiny.vocabulary, Tags().control_strings)
        return load_tokenizer(self.recipe.model, chat=self.local().chat)

    @cached_property
    def policy(self) -> Policy:
        """The model, to train and to sample from."""
        from mem1.inference.hf.loading import load_model
        from mem1.train.policy.policy import Policy
        from mem1.train.tiny.model import make_tiny

        if self.recipe.model == _NEW_TINY:
            return Policy(make_tiny(self.recipe.tiny, self.tokenizer.vocabulary_size))
        return Policy(load_model(self.recipe.model, dtype=self.local().dtype, device=self.local().device))

    @cached_property
    def trainable_policy(self) -> Policy:
        """The policy, ready to be trained.

        With ``lora`` there is an adapter in its model, which the sampler shares. Whole weights are trained in float32
        whatever the engine's precision is; one of half precision samples from a copy (``hand_over``).
        """
        from mem1.inference.hf.loading import is_float32, load_model
        from mem1.train.policy.adapters import add_adapter
        from mem1.train.policy.policy import Policy

        recipe = self.recipe
        if recipe.lora is not None:
            add_adapter(self.policy.model, recipe.lora, base=recipe.model, seed=recipe.seed)
            return self.policy
        if is_float32(self.policy.model):
            return self.policy
        return Policy(load_model(recipe.model, dtype="float32", device=self.local().device))

    def hand_over(self, version: int) -> None:
        """Let the sampler write with the trained weights as they are after ``version`` steps."""
        from mem1.inference.hf.loading import copy_weights

        self.sampler.set_version(version)  # refuses while something is being written
        if self.trainable_policy is not self.policy:
            copy_weights(self.trainable_policy.model, self.policy.model)

    @cached_property
    def sampler(self) -> TransformersEngine:
        """The engine that shares the policy's weights. Raises ``ConfigError`` where the recipe has another one."""
        return self.local().share(self.policy.model, self.tokenizer)

    @cached_property
    def side_engine(self) -> Engine | None:
        """Who answers a memory's side calls, if not the policy: another local model, or another at the endpoint."""
        name, engine = self.recipe.side_model, self.recipe.engine
        if name is None:
            return None
        return engine.for_side_model().build(name)

    @cached_property
    def engine(self) -> Engine:
        """What writes."""
        if self.recipe.model == SHOPPER:
            return shopper_engine()
        config = self.recipe.engine
        return self.sampler if config.shares_weights else config.build(self.recipe.model)

    def local(self) -> TransformersConfig:
        """The settings of the engine that shares the policy's weights. Raises ``ConfigError`` for any other one."""
        engine = self.recipe.engine
        if not isinstance(engine, TransformersConfig):
            raise ConfigError(
                f"the engine {engine.type!r} writes with weights that are not here to be trained",
                where="engine.type",
                hint='train with [engine] type = "transformers" and a model\'s folder; to learn from what another '
                "model writes, collect its episodes as demonstrations",
            )
        return engine

    def seed(self) -> None:
        """Seed torch, where weights are here; a model behind an endpoint is evaluated without torch."""
        if self.recipe.engine.shares_weights:
            from mem1.train.seeding import seed_torch

            seed_torch(self.recipe.seed)
