"""Who is credited with what: credit per objective, credit for memory, side calls trained or not.

    python -m benchmarks.credit [--quick] [--json] [--groups 24] [--seeds 5] [--parts variance questions memory side]
                                [--run FOLDER]

With ``--run`` (also ``mem1 bench credit --run FOLDER``) whatever is finished is kept in ``credit.json`` there and not
run again. By RLOO, from the same seeds:

- the variance of the gradient under credit per episode and per objective, the shipped policy answering 8 questions
  about train countries one after the other: the mean squared distance of the gradients of single groups of 8 episodes
  from their mean, over weights;
- the steps that a tiny random policy takes until 45 % and 70 % of 8 questions, each of which wants a token of its own,
  are met, and what it comes to, by credit per objective and per episode from the same weights: as it is, with a bonus
  for entropy, and at a third of the rate;
- a value carried on a page of one token through two rewrites (``toys/carry.py``), with each credit for memory and
  without;
- a value kept by a side call, with side calls trained and not.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.toys.carry import Carry, probe
from benchmarks.toys.curves import Kept, at_the_end, first_at, interval, listed, versus
from benchmarks.toys.policy import Nothing, small_policy
from benchmarks.toys.questions import Questions
from mem1.cli.checkout import find
from mem1.config import load
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
PARTS = ("variance", "questions", "memory", "side")


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


def spread(policy: Policy, groups: Iterable[EpisodeGroup], training: Mapping[str, Any]) -> list[float]:
    """The variance of the gradient under each of ``CREDITS``, of the same groups of episodes."""
    sums = {credit: [torch.zeros(()), torch.zeros(())] for credit in CREDITS}
    count = 0
    for group in groups:
        count += 1
        for credit in CREDITS:
            found = gradient(policy, group, TrainConfig.model_validate({**training, "credit": credit}))
            first, second = sums[credit]
            sums[credit] = [first + found, second + found.square().sum()]
    return [((second - first.square().sum() / count) / (count - 1)).item() for first, second in sums.values()]


_PLAIN: dict[str, Any] = {
    "algorithm": {"type": "rloo"},
    "normalisation": "constant",
    "group_size": 8,
    "max_rollout_gap": None,
    "optimizer": OptimizerConfig(max_grad_norm=1e9),
}


def of_shipped(groups: int) -> list[float]:
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


def of_toy(seed: int, groups: int = 24) -> list[float]:
    """Of a random policy on toy questions."""
    policy = small_policy(Questions.vocabulary, seed)
    played = Questions(policy, objectives=OBJECTIVES, groups=groups, seed=seed)(0)
    return spread(policy, played, _PLAIN | {"constant_length": OBJECTIVES, "tasks_per_step": groups})


# ---------------------------------------------------------------- steps to a score


@dataclass(frozen=True)
class Toy:
    """A toy world and how it is trained; ``make`` takes the policy and the seed of its draws."""

    name: str
    make: Callable[[Policy, int], Callable[[int], list[EpisodeGroup]]]
    vocabulary: int
    steps: int
    settings: Mapping[str, Any]


def settings_of(toy: Toy, **changes: Any) -> dict[str, Any]:
    """The ``[train]`` section of a training in ``toy``, in JSON's types."""
    return {
        "algorithm": {"type": "rloo"},
        "normalisation": "constant",
        "steps": toy.steps,
        "checkpoint_every": toy.steps,
        "no_signal_limit": toy.steps,
        "evaluate_every": 0,
        "max_rollout_gap": None,
        "optimizer": {"lr": 3e-3},
        **toy.settings,
        **changes,
    }


def rewards(toy: Toy, seed: int, settings: Mapping[str, Any]) -> list[float]:
    """The mean reward an objective of each step."""
    began = time.process_time()
    policy = small_policy(toy.vocabulary, seed)
    with tempfile.TemporaryDirectory() as folder:
        run = RunDir.create(Path(folder), "run", Nothing())
        Trainer(
            policy,
            TrainConfig.model_validate(settings),
            run,
            rollout=toy.make(policy, seed),
            objective_rewards=objective_rewards_of("em"),
            probes=probe,
        ).train()
        found = [float(row["quality/em"]) for row in read_metrics(run.metrics) if "quality/em" in row]
    print(f"{toy.name}, seed {seed}: {time.process_time() - began:.0f} s of a core", file=sys.stderr, flush=True)
    return found


def compared(
    toy: Toy, ways: Mapping[str, Mapping[str, Any]], seeds: int, shares: Sequence[float], kept: Kept
) -> dict[str, float | str]:
    """Steps until ``shares`` of all and the score at the end, by way and seed.

    With two ways: the second less the first, with the interval over seeds.
    """
    curves: dict[str, list[list[float]]] = {way: [] for way in ways}
    for seed in range(seeds):
        for way, changes in ways.items():
            settings = settings_of(toy, **changes)
            known = {"world": toy.name, "seed": seed, "settings": settings}
            curves[way].append(kept.get(known, partial(rewards, toy, seed, settings)))
    found: dict[str, float | str] = {}
    for measure, digits, each in _measures(curves, shares):
        for way, values in each.items():
            found[f"{toy.name}, {way}: {measure}"] = listed(values, digits)
            if None not in values:
                found[f"{toy.name}, {way}: {measure}, mean"] = interval(
                    [v for v in values if v is not None], digits or 1
                )
        if len(ways) == 2:
            (first, before), (second, after) = each.items()
            found[f"{toy.name}, {second} less {first}: {measure}"] = versus(after, before, digits or 1)
    return found


def _measures(
    curves: Mapping[str, Sequence[Sequence[float]]], shares: Sequence[float]
) -> list[tuple[str, int, dict[str, list[float | None]]]]:
    """Each measure's name, its digits, and its values by way and seed."""
    kinds: list[tuple[str, int, Callable[[Sequence[float]], float | None]]] = [
        *((f"steps to {share:.0%}", 0, partial(first_at, share=share)) for share in shares),
        ("score of the last 20 steps", 3, at_the_end),
        ("score of all steps", 3, statistics.mean),
    ]
    return [
        (name, digits, {way: [value(one) for one in runs] for way, runs in curves.items()})
        for name, digits, value in kinds
    ]


QUESTIONS = Toy(
    "8 questions one by one",
    lambda policy, seed: Questions(policy, objectives=OBJECTIVES, seed=seed),
    Questions.vocabulary,
    200,
    {"constant_length": OBJECTIVES, "tasks_per_step": 2, "group_size": 8},
)
CARRY = Toy(
    "a value carried through 2 rewrites",
    lambda policy, _: Carry(policy, rewrites=2),
    Carry.vocabulary,
    250,
    {"constant_length": 3, "tasks_per_step": 4, "group_size": 8},
)
ASIDE = Toy(
    "a value kept by a side call",
    lambda policy, _: Carry(policy, rewrites=1, side_calls=True),
    Carry.vocabulary,
    200,
    {"constant_length": 2, "tasks_per_step": 4, "group_size": 8, "entropy_coef": 0.05},
)
KINDS = ("none", "information_gain", "belief_entropy", "counterfactual")
MILDER: dict[str, dict[str, Any]] = {
    "": {},
    ", entropy bonus 0.02": {"entropy_coef": 0.02},
    ", entropy bonus 0.05": {"entropy_coef": 0.05},
    ", a third of the rate": {"optimizer": {"lr": 1e-3}, "steps": 400, "checkpoint_every": 400, "no_signal_limit": 400},
}


def variances(seeds: int, groups: int, kept: Kept) -> dict[str, float | str]:
    """Of the shipped policy in ``groups`` groups, unless 0, and of toy policies."""
    found: dict[str, float | str] = {}
    if groups:
        known: dict[str, Any] = {"variance": "shipped", "groups": groups}
        episode, objective = kept.get(known, partial(of_shipped, groups))
        found["gradient variance of the shipped policy, credit per episode"] = episode
        found["gradient variance of the shipped policy, credit per objective"] = objective
        found["gradient variance of the shipped policy, per objective / per episode"] = objective / episode
    ratios = []
    for seed in range(seeds):
        episode, objective = kept.get({"variance": "toy", "seed": seed}, partial(of_toy, seed))
        ratios.append(objective / episode)
    found["gradient variance of a toy policy, per objective / per episode"] = interval(ratios)
    return found


def run(
    quick: bool,
    groups: int | None = None,
    runs: Path | None = None,
    seeds: int | None = None,
    parts: Sequence[str] = PARTS,
) -> dict[str, float | str]:
    """The comparisons that ``parts`` names. ``runs``: a folder to keep what is finished in, and to go on from."""
    seeds = seeds or (1 if quick else 5)
    kept = Kept(None if runs is None else runs / "credit.json")
    toys = [replace(one, steps=40) if quick else one for one in (QUESTIONS, CARRY, ASIDE)]
    found: dict[str, float | str] = {}
    if "variance" in parts:
        found |= variances(seeds, (4 if quick else 24) if groups is None else groups, kept)
    if "questions" in parts:
        for milder, changes in [("", {})] if quick else MILDER.items():
            ways = {f"credit per {one}{milder}": {"credit": one, **changes} for one in CREDITS}
            found |= compared(toys[0], ways, seeds, (0.45, 0.7), kept)
    if "memory" in parts:
        kinds: dict[str, dict[str, Any]] = {
            f"credit for memory: {one}": {"memory_credit": {"type": one}} for one in KINDS
        }
        found |= compared(toys[1], kinds, min(seeds, 3), (0.45,), kept)
    if "side" in parts:
        aside = {f"side calls {'trained' if on else 'not trained'}": {"side_calls": on} for on in (False, True)}
        found |= compared(toys[2], aside, min(seeds, 3), (0.45,), kept)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--groups", type=int, default=None, help="0 leaves the shipped policy's variance out")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--run", type=Path, default=None, help="keep there what is finished, and go on with it")
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.groups, arguments.run, arguments.seeds, arguments.parts)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
