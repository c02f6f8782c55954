"""Whether a training service learns what the trainer here learns: one small model, the same adapter, rows and rates.

    make venv-tinker && .venv-tinker/bin/python -m benchmarks.service [--quick] [--json] [--run FOLDER]

A random Qwen3 of 0.3 million weights is paid for the share of TOKENS tokens below 1,024 that it writes, half of its
vocabulary: something that can be learned in a few steps without having been taught anything before. The end of text,
which is token 0, is not paid for, nor is an answer that ends early. Each step is
EPISODES answers of TOKENS tokens with mean-centred advantages, by GRPO's rule, and one optimizer step on an adapter of
rank RANK. SkyRL's server, started here, trains and samples by the Tinker protocol; beside it the local back end trains
the same with its own sampler, from the adapter that the server drew. Compared are the whole curve's mean (how fast) and
that of its last three steps (how far); intervals are Student's t over seeds, the differences paired. With ``--run`` the
curves that are done stay in FOLDER.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

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
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.rows.row import Row
from mem1.types import Completion
from tests.e2e.tinker_server import add_alike, make_model, tinker_server, weights_of

PROMPT = tuple(range(20, 40))
STEPS, EPISODES, TOKENS, SEEDS = 28, 64, 8, 3
RANK = 8
# SkyRL's server clips no gradient, whatever it is told.
TRAIN = TrainConfig(optimizer=OptimizerConfig(lr=1e-2, max_grad_norm=1e9))

Step = Callable[[Sequence[Row]], Any]


def curve(engine: Engine, hand_over: Callable[[int], None], step: Step, *, seed: int, steps: int) -> list[float]:
    """The mean reward of each step's episodes."""
    means = []
    for number in range(steps):
        hand_over(number)
        written = run_here(_written(engine, seed * steps + number))
        rewards = [sum(0 < token < 1024 for token in one.token_ids) / TOKENS for one in written]
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


def here(model: Path, begun: Mapping[str, Tensor], seed: int, steps: int) -> list[float]:
    """By the trainer and the sampler in this process, from the adapter ``begun``."""
    weights = load_model(str(model), dtype="float32", device="cpu")
    add_alike(weights, begun, rank=RANK)
    trained = [one for one in weights.parameters() if one.requires_grad]
    optimizer = make_optimizer(trained, [], TRAIN.optimizer, critic_lr=0.0)
    backend = LocalBackend(Policy(weights), None, optimizer, TRAIN, view="reference")
    engine = TransformersConfig(max_context=64).share(weights, load_tokenizer(str(model)))

    def hand_over(number: int) -> None:
        run_here(engine.update_weights(number, SharedWeights()))

    return curve(engine, hand_over, backend.step, seed=seed, steps=steps)


def there(address: str, model: Path, kept: Path, seed: int, steps: int) -> tuple[list[float], dict[str, Tensor]]:
    """By the service, whose folder is ``kept``; with the adapter that it began with."""
    config = TinkerConfig(base_url=address, tokenizer="builtin:tiny", max_context=64, rank=RANK, convention="mean")
    connection = Connection(config)
    adapter = Adapter(connection, config, TRAIN, model=str(model), seed=seed, probe=PROMPT)
    engine = TinkerEngine(config, None, 64)
    begun = weights_of(adapter, kept)
    made = curve(
        engine,
        lambda number: engine.use(adapter.sampler(), number),
        lambda rows: adapter.step(rows, TRAIN.optimizer.lr),
        seed=seed,
        steps=steps,
    )
    return made, begun


def run(quick: bool, runs: Path | None = None) -> dict[str, float | str]:
    """Rewards by seed here and there, their means, and the paired differences."""
    steps, seeds = (4, 2) if quick else (STEPS, SEEDS)
    found: dict[str, float | str] = {"steps": steps, "episodes a step": EPISODES}
    curves: dict[str, list[list[float]]] = {"here": [], "service": []}
    with tempfile.TemporaryDirectory() as passing:
        folder = (runs or Path(passing)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        model, kept = make_model(Path(passing) / "model"), Path(passing) / "server"
        with tinker_server(model, kept) as address:
            for seed in range(seeds):
                file = folder / f"{seed}-{steps}.json"
                if not file.is_file():
                    service, begun = there(address, model, kept, seed, steps)
                    file.write_text(json.dumps({"here": here(model, begun, seed, steps), "service": service}))
                for name, means in json.loads(file.read_text()).items():
                    found[f"reward by step, {name}, seed {seed}"] = " ".join(f"{one:.2f}" for one in means)
                    curves[name].append(means)
    for what, of in (("all steps", slice(None)), ("the last three steps", slice(-3, None))):
        means = {name: [statistics.mean(one[of]) for one in each] for name, each in curves.items()}
        for name, each in means.items():
            found[f"mean reward of {what}, {name}"] = over_seeds(each, 3)
        pairs = [theirs - ours for theirs, ours in zip(means["service"], means["here"], strict=True)]
        found[f"mean reward of {what}, service less here"] = over_seeds(pairs, 3)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--run", type=Path, default=None)
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.run)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
