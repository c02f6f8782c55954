"""Whether a training service learns what the trainer here learns: one small model, the same adapter, rows and rates.

    make venv-tinker && .venv-tinker/bin/python -m benchmarks.service [--quick] [--json] [--run FOLDER]

A random Qwen3 of 0.3 million weights is paid for the share of tokens below 1,024 that it writes, half of its
vocabulary: something that can be learned in a few steps without having been taught anything before. Each step is
EPISODES answers of TOKENS tokens with mean-centred advantages, by GRPO's rule, and one optimizer step on an adapter of
rank 8. SkyRL's server, started here, trains and samples by the Tinker protocol; beside it the local back end trains the
same with its own sampler. Gains are those of the last three steps' mean over the first step; the intervals are over
three seeds. With ``--run`` the curves that are done stay in FOLDER.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.learning import over_seeds
from mem1.event_loop import run_here
from mem1.inference.base import Engine, Request, Section
from mem1.inference.config import TransformersConfig
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.weights import SharedWeights
from mem1.integrations.tinker.adapter import Adapter
from mem1.integrations.tinker.client import Connection
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.engine import TinkerEngine
from mem1.train.backends.local import LocalBackend
from mem1.train.config import LoraConfig, OptimizerConfig, TrainConfig
from mem1.train.policy.adapters import add_adapter
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.rows.row import Row
from mem1.types import Completion
from tests.e2e.tinker_server import make_model, tinker_server

PROMPT = tuple(range(20, 40))
STEPS, EPISODES, TOKENS, SEEDS = 12, 32, 8, 3
# SkyRL's server clips no gradient, whatever it is told.
TRAIN = TrainConfig(optimizer=OptimizerConfig(lr=4e-3, max_grad_norm=1e9))

Step = Callable[[Sequence[Row]], Any]


def curve(engine: Engine, hand_over: Callable[[int], None], step: Step, *, seed: int, steps: int) -> list[float]:
    """The mean reward of each step's episodes."""
    means = []
    for number in range(steps):
        hand_over(number)
        written = run_here(_written(engine, seed * steps + number))
        rewards = [sum(token < 1024 for token in one.token_ids) / len(one.token_ids) for one in written]
        means.append(statistics.mean(rewards))
        step([_row(one, reward - means[-1]) for one, reward in zip(written, rewards, strict=True)])
    return means


async def _written(engine: Engine, seed: int) -> list[Completion]:
    section = Section("text", stops=(), final_stops=(), budget=TOKENS)
    return await asyncio.gather(
        *[
            engine.generate(Request(PROMPT, (section,), session=f"{seed}/{one}", seed=seed * EPISODES + one))
            for one in range(EPISODES)
        ]
    )


def _row(one: Completion, advantage: float) -> Row:
    before, trained = len(PROMPT), len(one.token_ids)
    return Row(
        token_ids=(*PROMPT, *one.token_ids),
        trained=(False,) * before + (True,) * trained,
        rollout_logprobs=(0.0,) * before + tuple(one.logprobs),
        advantages=(0.0,) * before + (advantage,) * trained,
        weight=1 / (EPISODES * trained),
        episode_id="e",
        group_id="g",
        policy_version=0,
    )


def here(model: Path, seed: int, steps: int) -> list[float]:
    """By the trainer and the sampler in this process."""
    weights = load_model(str(model), dtype="float32", device="cpu")
    add_adapter(weights, LoraConfig(r=8, alpha=32), base=str(model), seed=seed)
    trained = [one for one in weights.parameters() if one.requires_grad]
    optimizer = make_optimizer(trained, [], TRAIN.optimizer, critic_lr=0.0)
    backend = LocalBackend(Policy(weights), None, optimizer, TRAIN, view="reference")
    engine = TransformersConfig(max_context=64).share(weights, load_tokenizer(str(model)))

    def hand_over(number: int) -> None:
        run_here(engine.update_weights(number, SharedWeights()))

    return curve(engine, hand_over, backend.step, seed=seed, steps=steps)


def there(address: str, model: Path, seed: int, steps: int) -> list[float]:
    """By the service."""
    config = TinkerConfig(base_url=address, tokenizer="builtin:tiny", max_context=64, rank=8, convention="mean")
    connection = Connection(config)
    adapter = Adapter(connection, config, TRAIN, model=str(model), seed=seed, probe=PROMPT)
    engine = TinkerEngine(config, None, 64)
    return curve(
        engine,
        lambda number: engine.use(adapter.sampler(), number),
        lambda rows: adapter.step(rows, TRAIN.optimizer.lr),
        seed=seed,
        steps=steps,
    )


def run(quick: bool, runs: Path | None = None) -> dict[str, float | str]:
    """Gains by seed here and there, their means, and the paired difference."""
    steps, seeds = (4, 2) if quick else (STEPS, SEEDS)
    found: dict[str, float | str] = {"steps": steps, "episodes a step": EPISODES}
    gains: dict[str, list[float]] = {"here": [], "service": []}
    with tempfile.TemporaryDirectory() as passing:
        folder = (runs or Path(passing)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        model = make_model(Path(passing) / "model")
        with tinker_server(model, Path(passing) / "server") as address:
            for seed in range(seeds):
                for name in gains:
                    file = folder / f"{name}-{seed}-{steps}.json"
                    if not file.is_file():
                        made = here(model, seed, steps) if name == "here" else there(address, model, seed, steps)
                        file.write_text(json.dumps(made))
                    means = json.loads(file.read_text())
                    last = statistics.mean(means[-3:])
                    found[f"reward, {name}, seed {seed}"] = f"{means[0]:.3f} -> {last:.3f}"
                    gains[name].append(last - means[0])
    for name, each in gains.items():
        found[f"{name}, mean gain over seeds"] = over_seeds(each, 3)
    pairs = [theirs - ours for theirs, ours in zip(gains["service"], gains["here"], strict=True)]
    found["service less here, over seeds"] = over_seeds(pairs, 3)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", type=Path, default=None)
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.run)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
