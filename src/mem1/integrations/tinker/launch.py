"""``mem1 train`` at a service: our loop, our run directory, its weights."""

from __future__ import annotations

from functools import partial

from mem1.event_loop import run_here
from mem1.integrations.tinker.adapter import PROBE, Adapter
from mem1.integrations.tinker.client import Connection, reach
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.engine import TinkerEngine
from mem1.integrations.tinker.updater import TinkerUpdater
from mem1.rollout.reward import objective_rewards_of
from mem1.runtime.build import Runtime, build_world
from mem1.runtime.play import played
from mem1.runtime.start import Start
from mem1.runtime.tasks import admitted, train_tasks, watched_tasks
from mem1.runtime.train import rollout, watcher
from mem1.storage.run_dir import RunDir
from mem1.train.advantages.ledger import Ledger
from mem1.train.loop import TrainResult
from mem1.train.seeding import seed_torch
from mem1.train.trainer import Reinforcement, reinforcement_loop


def launch(start: Start, resume: bool) -> tuple[RunDir, TrainResult]:
    """Train as the recipe says. Raises ``Mem1Error``."""
    recipe, config = start.recipe, start.recipe.train
    settings = recipe.backend
    assert isinstance(settings, TinkerConfig)
    seed_torch(recipe.seed)
    world = build_world(recipe)
    pool, watched = train_tasks(recipe, world.sources), watched_tasks(recipe, world.sources)
    admitted(world.make_env, [pool, watched])
    run_here(reach(settings))
    connection = Connection(settings)
    connection.check_model(recipe.model)
    engine = TinkerEngine(settings, None, connection.max_context(recipe.model))
    probe = engine.tokenizer.encode(PROBE)
    adapter = Adapter(connection, settings, config, model=recipe.model, seed=recipe.seed, probe=probe)
    updater = TinkerUpdater(adapter, settings, config, engine)
    runtime = Runtime(recipe, world, engine, None, None)
    directory = start.begin(engine.tokenizer)
    learner = Reinforcement(
        config,
        updater,
        lambda step: rollout(recipe, pool, step, partial(played, runtime)),
        Ledger(config, objective_rewards_of(recipe.reward)),
    )
    loop = reinforcement_loop(
        directory,
        config,
        updater,
        evaluate=watcher(runtime, watched),
        on_weights=updater.hand_over,
        extra_files=None,
        console=start.console,
        monitors=recipe.monitors,
    )
    return directory, loop.run(learner, resume=resume)
