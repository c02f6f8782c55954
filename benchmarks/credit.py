"""Who is credited with what: credit per objective, credit for memory, side calls trained or not.

    python -m benchmarks.credit [--quick] [--json] [--groups 24]

By RLOO, from the same seeds:

- the variance of the gradient under credit per episode and per objective, the shipped policy answering 8 questions
  about train countries one after the other: the mean squared distance of the gradients of single groups of 8 episodes
  from their mean, over weights;
- the steps that a tiny random policy takes until 70 % of 8 questions, each of which wants a token of its own, are met;
- a value carried on a page of one token through two rewrites (``toys/carry.py``), with each credit for memory and
  without;
- a value kept by a side call, with side calls trained and not.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.toys.carry import Carry, probe
from benchmarks.toys.policy import Nothing, small_policy
from benchmarks.toys.questions import Questions
from mem1.cli.checkout import find
from mem1.config import load
from mem1.evaluation.statistics.student import student_quantile
from mem1.recipe import Recipe
from mem1.rollout.group import as_groups
from mem1.rollout.reward import objective_rewards_of
from mem1.runtime.build import build
from mem1.runtime.play import play
from mem1.runtime.tasks import train_tasks
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.policy.policy import Policy
from mem1.train.prepare import prepare
from mem1.train.selection import select
from mem1.train.trainer import Trainer
from mem1.train.update import update
from mem1.types import EpisodeGroup

OBJECTIVES = 8
CREDITS = ("episode", "objective")


# ---------------------------------------------------------------- variance of the gradient


def gradient(policy: Policy, group: EpisodeGroup, config: TrainConfig) -> torch.Tensor:
    """The gradient of the loss of one group, float32 [weights]; zeros where its rewards say nothing."""
    ledger = Ledger(config, objective_rewards_of("em"))
    selection = select([group], compare_in_groups=True, amounts=ledger.amounts)
    weights = list(policy.model.parameters())
    if not selection.trainable:
        return torch.zeros(sum(weight.numel() for weight in weights))
    (minibatch,) = prepare(
        selection,
        config,
        view="packed",
        policy=policy,
        critic=None,
        reference=None,
        rng=random.Random(0),
        ledger=ledger,
    )
    update(policy, None, torch.optim.SGD(weights, lr=0.0), minibatch, config)
    return torch.cat([torch.zeros_like(w).flatten() if w.grad is None else w.grad.flatten() for w in weights])


def spread(policy: Policy, groups: Iterable[EpisodeGroup], training: Mapping[str, Any]) -> dict[str, float]:
    """The variance of the gradient under each credit, of the same groups of episodes."""
    sums = {credit: [torch.zeros(()), torch.zeros(())] for credit in CREDITS}
    count = 0
    for group in groups:
        count += 1
        for credit in CREDITS:
            found = gradient(policy, group, TrainConfig.model_validate({**training, "credit": credit}))
            first, second = sums[credit]
            sums[credit] = [first + found, second + found.square().sum()]
    return {
        credit: ((second - first.square().sum() / count) / (count - 1)).item()
        for credit, (first, second) in sums.items()
    }


_PLAIN: dict[str, Any] = {
    "algorithm": {"type": "rloo"},
    "normalisation": "constant",
    "group_size": 8,
    "max_rollout_gap": None,
    "optimizer": OptimizerConfig(max_grad_norm=1e9),
}


def of_shipped(groups: int) -> dict[str, float]:
    """Of the shipped policy on factbook questions; ``groups`` is a multiple of 4."""
    recipe = load(Recipe, find("recipes/sequential.toml"))
    training = _PLAIN | {"constant_length": 1000, "tasks_per_step": 4}
    tasks = recipe.tasks.model_copy(update={"objectives": OBJECTIVES, "count": 4 * groups})
    recipe = recipe.model_copy(update={"tasks": tasks, "train": TrainConfig.model_validate(training)})
    built = build(recipe, trains=True)
    pool = train_tasks(recipe, built.world.sources)
    played = (
        group
        for step in range(groups // 4)
        for group in as_groups(play(built, pool[4 * step : 4 * step + 4], f"variance/{step}", size=8))
    )
    return spread(built.trainable.trained, played, training)


def of_toy(seed: int, groups: int = 24) -> dict[str, float]:
    """Of a random policy on toy questions."""
    policy = small_policy(Questions.vocabulary, seed)
    played = Questions(policy, objectives=OBJECTIVES, groups=groups)(0)
    return spread(policy, played, _PLAIN | {"constant_length": OBJECTIVES, "tasks_per_step": groups})


# ---------------------------------------------------------------- steps to a score


@dataclass(frozen=True)
class Toy:
    """A toy world and how it is trained; ``make`` takes the policy."""

    name: str
    make: Callable[[Policy], Callable[[int], list[EpisodeGroup]]]
    vocabulary: int
    steps: int
    settings: Mapping[str, Any]


def rewards(toy: Toy, seed: int, folder: Path, **changes: Any) -> list[float]:
    """The mean reward an objective of each step."""
    policy = small_policy(toy.vocabulary, seed)
    settings = {
        "algorithm": {"type": "rloo"},
        "normalisation": "constant",
        "steps": toy.steps,
        "checkpoint_every": toy.steps,
        "no_signal_limit": toy.steps,
        "evaluate_every": 0,
        "max_rollout_gap": None,
        "optimizer": OptimizerConfig(lr=3e-3),
        **toy.settings,
        **changes,
    }
    run = RunDir.create(folder, f"run-{len(list(folder.iterdir()))}", Nothing())
    Trainer(
        policy,
        TrainConfig.model_validate(settings),
        run,
        rollout=toy.make(policy),
        objective_rewards=objective_rewards_of("em"),
        probes=probe,
    ).train()
    return [float(row["quality/em"]) for row in read_metrics(run.metrics) if "quality/em" in row]


def first_at(means: Sequence[float], share: float) -> int | None:
    """The first step at which the mean of five steps is ``share``; ``None``: never."""
    return next((k + 1 for k in range(4, len(means)) if statistics.mean(means[k - 4 : k + 1]) >= share), None)


def compared(toy: Toy, ways: Mapping[str, Mapping[str, Any]], seeds: int, share: float) -> dict[str, str]:
    """For each way the steps until ``share`` of all, and the score at the end with its interval over seeds."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for way, changes in ways.items():
            runs = [rewards(toy, seed, Path(folder), **changes) for seed in range(seeds)]
            needed = [first_at(run, share) for run in runs]
            last = [statistics.mean(run[-20:]) for run in runs]
            found[f"{toy.name}, {way}: steps to {share:g}"] = ", ".join(
                "never" if n is None else str(n) for n in needed
            )
            found[f"{toy.name}, {way}: score of the last 20 steps"] = interval(last)
    return found


def interval(values: Sequence[float]) -> str:
    """A mean over seeds with Student's 95 % interval."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:.3f}"
    half = student_quantile(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.3f} ({mean - half:.3f} to {mean + half:.3f}, {len(values)} seeds)"


QUESTIONS = Toy(
    "8 questions one by one",
    lambda policy: Questions(policy, objectives=OBJECTIVES),
    Questions.vocabulary,
    200,
    {"constant_length": OBJECTIVES, "tasks_per_step": 2, "group_size": 8},
)
CARRY = Toy(
    "a value carried through 2 rewrites",
    lambda policy: Carry(policy, rewrites=2),
    Carry.vocabulary,
    250,
    {"constant_length": 3, "tasks_per_step": 4, "group_size": 8},
)
ASIDE = Toy(
    "a value kept by a side call",
    lambda policy: Carry(policy, rewrites=1, side_calls=True),
    Carry.vocabulary,
    200,
    {"constant_length": 2, "tasks_per_step": 4, "group_size": 8, "entropy_coef": 0.05},
)
KINDS = ("none", "information_gain", "belief_entropy", "counterfactual")


def run(quick: bool, groups: int | None = None) -> dict[str, float | str]:
    """All comparisons, and what the variance under one credit is of that under the other."""
    seeds = 1 if quick else 3
    found: dict[str, float | str] = {}
    if groups != 0:
        of = of_shipped(groups or (4 if quick else 24))
        found |= {f"gradient variance of the shipped policy, credit per {name}": value for name, value in of.items()}
        found["gradient variance of the shipped policy, per objective / per episode"] = of["objective"] / of["episode"]
    toy = [of_toy(seed) for seed in range(seeds)]
    found["gradient variance of a toy policy, per objective / per episode"] = interval(
        [one["objective"] / one["episode"] for one in toy]
    )
    toys = [replace(one, steps=40) for one in (QUESTIONS, CARRY, ASIDE)] if quick else [QUESTIONS, CARRY, ASIDE]
    found |= compared(toys[0], {f"credit per {one}": {"credit": one} for one in CREDITS}, seeds, 0.7)
    memory: dict[str, dict[str, Any]] = {
        f"credit for memory: {kind}": {"memory_credit": {"type": kind}} for kind in KINDS
    }
    found |= compared(toys[1], memory, seeds, 0.45)
    aside = {f"side calls {'trained' if on else 'not trained'}": {"side_calls": on} for on in (True, False)}
    return found | compared(toys[2], aside, seeds, 0.45)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--groups", type=int, default=None, help="0 leaves the variance of the gradient out")
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.groups)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
