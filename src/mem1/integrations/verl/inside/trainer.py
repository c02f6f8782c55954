"""The trainer ``mem1`` of verl: verl's processes, our episodes, advantages, weights of a loss, run directory.

``trainer.v1.trainer_mode = "mem1"``. What verl sets up is used as it is: process groups, engines, servers, hand-over of
weights. In place of its loop over rows stands ours over episodes, the one that trains without verl too: whatever the
estimator, an advantage is an episode's, and an update is one optimizer step however many turns and contexts there are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import ray
from rich.console import Console
from verl.trainer.ppo.utils import Role
from verl.trainer.ppo.v1.trainer_base import register_trainer
from verl.trainer.ppo.v1.trainer_sync import PPOTrainerSync

from mem1.errors import ConfigError
from mem1.imports import imports
from mem1.inference.hf.loading import load_tokenizer
from mem1.integrations.verl.inside.backend import VerlBackend
from mem1.integrations.verl.inside.players import Players, WatchfulBuffer
from mem1.integrations.verl.inside.worker import CriticWorker, PolicyWorker
from mem1.recipe import Recipe
from mem1.rollout.reward import objective_rewards_of
from mem1.runtime.tasks import train_tasks, watched_tasks
from mem1.runtime.train import rollout, watch
from mem1.runtime.world import task_sources
from mem1.storage.run_dir import RunDir
from mem1.train.advantages.ledger import Ledger
from mem1.train.loop import TrainResult
from mem1.train.trainer import Reinforcement, reinforcement_loop
from mem1.types import Task


@register_trainer("mem1")
class Mem1Trainer(PPOTrainerSync):
    """Trains as the recipe in ``mem1.recipe`` says, in the run directory ``mem1.run``.

    Attributes:
        resume: Whether to go on from the run's last checkpoint.
        console: For the progress; ``None``: silence.
        tasks: Those to train on and those to watch; ``None``: drawn here from the recipe's sources.
        result: How the run ended.
    """

    resume = False
    console: Console | None = None
    tasks: tuple[list[Task], list[Task]] | None = None
    result: TrainResult | None = None

    def __init__(self, config: Any) -> None:
        if config.get("mem1") is None or config.mem1.get("run") is None:
            raise ConfigError(
                "the trainer mem1 has no recipe or no run directory",
                where="mem1.recipe, mem1.run",
                hint="`mem1 train RECIPE --backend verl` writes both; see docs/scaling.md",
            )
        with imports(bool(config.mem1.get("allow_imports"))):
            self.recipe = Recipe.model_validate_json(config.mem1.recipe)
        self.run = RunDir(Path(config.mem1.run))
        super().__init__(config)

    # ------------------------------------------------------------ what verl sets up in another way

    def _build_replay_buffer(self) -> Any:
        sampler = self.config.trainer.v1.sampler
        return WatchfulBuffer(
            trainer_mode="sync",
            trainer_config={},
            max_off_policy_threshold=sampler.max_off_policy_threshold,
            max_off_policy_strategy=sampler.max_off_policy_strategy,
            sampler_kwargs=sampler.sampler_kwargs,
        )

    def _init_dataloader(self) -> None:
        """Tasks are composed from the recipe's sources."""
        if self.tasks is None:
            sources = task_sources(self.recipe)
            self.tasks = train_tasks(self.recipe, sources), watched_tasks(self.recipe, sources)
        self.pool, self.watched = self.tasks
        self.total_training_steps = self.recipe.train.steps

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        for role in self.role_worker_mapping:
            ours = CriticWorker if role is Role.Critic else PolicyWorker
            self.role_worker_mapping[role] = ray.remote(ours)

    def _load_checkpoint(self) -> None:
        """Our loop does."""
        self.global_steps = 0

    def on_init_end(self) -> None:
        """Our loop hands over the first weights too."""

    # ------------------------------------------------------------ the loop

    def fit(self, agent_loop_manager: Any) -> None:
        """Train until all steps are done, or until Ctrl-C. Raises ``Mem1Error``."""
        self.agent_loop_manager = agent_loop_manager
        config, players = self.recipe.train, Players(agent_loop_manager, self.replay_buffer)
        rewards = objective_rewards_of(self.recipe.reward)
        tokenizer = load_tokenizer(self.config.actor_rollout_ref.model.path)
        backend = VerlBackend(
            self.actor_rollout_wg,
            self.critic_wg if self.use_critic else None,
            self._ask_reference() if config.kl.coef > 0 else None,
            config,
            filler=tokenizer.eos_id or 0,
            sleep=self.checkpoint_manager.sleep_replicas,
        )
        learner = Reinforcement(
            config,
            backend,
            lambda step: rollout(self.recipe, self.pool, step, players.played),
            Ledger(config, rewards),
        )
        loop = reinforcement_loop(
            self.run,
            config,
            backend,
            evaluate=(lambda step: watch(self.watched, step, players.play)) if self.watched else None,
            on_weights=self.checkpoint_manager.update_weights,
            extra_files=tokenizer.save,
            console=self.console,
            monitors=self.recipe.monitors,
        )
        self.result = loop.run(learner, resume=self.resume)

    def _ask_reference(self) -> Callable[[Any], Any]:
        """verl's reference policy: the weights that the run began with, held beside the policy."""
        return partial(self.ref_policy_wg.compute_ref_log_prob)
