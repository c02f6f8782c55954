"""The agent loop ``mem1`` of verl: our one episode loop over verl's servers, one output for each context."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register

from mem1.errors import BackendError, ConfigError, DataError
from mem1.imports import imports
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.folders import local_tokenizer
from mem1.integrations.verl.inside.engine import VerlEngine
from mem1.integrations.verl.inside.outputs import crashed, outputs_of
from mem1.recipe import Recipe
from mem1.rollout.episode import RolloutRequest, run_episode
from mem1.rollout.limits import derive_seed
from mem1.runtime.build import World, build_world
from mem1.runtime.models import build_side_engine
from mem1.runtime.play import context_of
from mem1.tasks.files.parquet import OURS
from mem1.types import Episode, Task

REQUEST = "mem1_request"


@dataclass(frozen=True, slots=True)
class Player:
    """What all episodes of a process share."""

    recipe: Recipe
    world: World
    tokenizer: Tokenizer
    side_engine: Engine | None


@lru_cache(maxsize=1)
def player(recipe: str, model: str, *, allow_imports: bool) -> Player:
    """From a recipe as JSON and the folder of its model; made once in a process."""
    with imports(allow_imports):
        read = Recipe.model_validate_json(recipe)
        chat = bool(getattr(read.engine, "chat", False))
        return Player(read, build_world(read), local_tokenizer(model, chat=chat), build_side_engine(read))


@register("mem1")
class Mem1AgentLoop(AgentLoopBase):
    """Plays one episode. verl makes one of these for each."""

    def __init__(self, trainer_config: Any, server_manager: Any, **keys: Any) -> None:
        # Not the base's: that prepares chat templates, and here prompts are the memory's.
        self.config = trainer_config.config
        self.server_manager = server_manager
        self.rollout_config = self.config.actor_rollout_ref.rollout

    async def run(self, sampling_params: dict[str, Any], **fields: Any) -> list[AgentLoopOutput]:
        """The episode that ``fields`` ask for, as rows.

        For the trainer ``mem1`` whatever goes wrong becomes a row, since verl would only log it; any other trainer
        misses the session.
        """
        settings = self.config.get("mem1")
        if settings is None:
            raise ConfigError(
                "the agent loop mem1 has no recipe", where="mem1.recipe", hint="+mem1.recipe=... (docs/scaling.md)"
            )
        ours = fields.get(REQUEST)
        filler = 0
        try:
            shared = player(
                settings.recipe,
                self.config.actor_rollout_ref.model.path,
                allow_imports=bool(settings.get("allow_imports")),
            )
            filler = shared.tokenizer.eos_id or 0
            temperature = sampling_params.get("temperature", 1.0) if ours is None else json.loads(ours)["temperature"]
            episode = await self._play(shared, fields, float(temperature))
        except Exception as error:
            if ours is None:
                raise
            return crashed(error, filler=filler)
        if ours is None and episode.failed:
            assert episode.error is not None
            raise BackendError(f"{episode.error.type}: {episode.error.message}", where=episode.id)
        return outputs_of(episode, side_calls=shared.recipe.train.side_calls, filler=filler)

    async def _play(self, shared: Player, fields: dict[str, Any], temperature: float) -> Episode:
        engine = VerlEngine(self.server_manager, shared.tokenizer, max_context=int(self.rollout_config.max_model_len))
        parts = context_of(
            shared.recipe,
            shared.world.make_env,
            engine,
            side_engine=shared.side_engine,
            temperature=temperature,
        )
        try:
            return await run_episode(_request(shared.recipe, fields), parts)
        finally:
            await engine.close()


def _request(recipe: Recipe, fields: dict[str, Any]) -> RolloutRequest:
    """What to play: as the trainer ``mem1`` asks, or the task that a row of ``mem1 compose --parquet`` holds."""
    member = int(fields.get("session_id", 0))
    if REQUEST in fields:
        asked = json.loads(fields[REQUEST])
        return RolloutRequest(
            task=Task.model_validate(asked["task"]),
            episode_id=f"{asked['group']}/{member}",
            group_id=asked["group"],
            seed=derive_seed(recipe.seed, asked["label"], asked["position"], member),
        )
    kept = (fields.get("extra_info") or {}).get(OURS)
    if kept is None:
        raise DataError(
            f"a row of the data has no task of ours (extra_info.{OURS})",
            where="data.train_files",
            hint="write the file with: mem1 compose RECIPE --parquet FILE",
        )
    group = f"{fields.get('global_steps', 0)}/{fields['uid']}"
    return RolloutRequest(
        task=Task.model_validate_json(kept),
        episode_id=f"{group}/{member}",
        group_id=group,
        seed=derive_seed(recipe.seed, group, member),
    )
