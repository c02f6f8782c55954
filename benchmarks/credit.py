"""Credit per objective against credit per episode, at 8 sequential objectives.

    python benchmarks/credit.py [--quick] [--json] [--groups 24]

Two figures of each credit, by RLOO, from the same rollouts and the same seeds:

- the variance of the gradient, the shipped policy answering 8 questions about train countries one after the
  other: the mean squared distance of the gradients of single groups of 8 episodes from their mean, over weights;
- the steps that a tiny random policy takes until 90 % of 8 objectives, each of which wants a token of its own, are met.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
from pathlib import Path

import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from mem1.cli.checkout import find
from mem1.config import Config, load
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
from mem1.types import (
    Answer,
    Composition,
    Episode,
    EpisodeGroup,
    FinishReason,
    Objective,
    Score,
    StopReason,
    Task,
    Turn,
)

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


def variances(groups: int) -> dict[str, float]:
    """The variance of the gradient under each credit, of the same ``groups`` groups of episodes."""
    recipe = load(Recipe, find("recipes/demo.toml"))
    training = {"algorithm": {"type": "rloo"}, "normalisation": "constant", "constant_length": 1000, "group_size": 8}
    training |= {"tasks_per_step": 4, "optimizer": OptimizerConfig(max_grad_norm=1e9)}
    tasks = recipe.tasks.model_copy(update={"objectives": OBJECTIVES, "count": 4 * groups})
    recipe = recipe.model_copy(update={"tasks": tasks, "train": TrainConfig.model_validate(training)})
    built = build(recipe, trains=True)
    policy, pool = built.trainable.trained, train_tasks(recipe, built.world.sources)
    sums = {credit: [torch.zeros(()), torch.zeros(())] for credit in CREDITS}
    for step in range(groups // 4):
        tasks_now = pool[4 * step : 4 * step + 4]
        for group in as_groups(play(built, tasks_now, f"variance/{step}", size=8)):
            for credit in CREDITS:
                config = TrainConfig.model_validate({**training, "credit": credit})
                found = gradient(policy, group, config)
                first, second = sums[credit]
                sums[credit] = [first + found, second + found.square().sum()]
    count = groups // 4 * 4
    return {
        credit: ((second - first.square().sum() / count) / (count - 1)).item()
        for credit, (first, second) in sums.items()
    }


# ---------------------------------------------------------------- steps to a score


class Nothing(Config):
    """Stands in for the recipe of a toy run."""


class Tokens:
    """A world in which objective k wants token 4 + k, shown one by one; one token a turn.

    The context of objective k is ``1, 20 + k`` and what was written before it.
    """

    def __init__(self, policy: Policy, groups: int, size: int) -> None:
        self._policy = policy
        self._groups = groups
        self._size = size
        asked = tuple(
            Objective(id=str(k), question=str(k), answers=(str(4 + k),), source="toy") for k in range(OBJECTIVES)
        )
        self._task = Task(
            id="t", composition=Composition.SEQUENTIAL, reveal="one_by_one", split="train", objectives=asked
        )

    @torch.no_grad()
    def __call__(self, step: int) -> list[EpisodeGroup]:
        generator = torch.Generator().manual_seed(step)
        written = torch.full((self._groups * self._size, 1), 3)
        turns: list[list[Turn]] = [[] for _ in range(len(written))]
        rewards = torch.zeros(len(written), OBJECTIVES)
        for k in range(OBJECTIVES):
            contexts = torch.cat([torch.tensor([[1, 20 + k]]).expand(len(written), -1), written], 1)
            scores = self._policy.model(input_ids=contexts).logits[:, -1].float().log_softmax(-1)
            written = torch.multinomial(scores.exp(), 1, generator=generator)
            rewards[:, k] = (written[:, 0] == 4 + k).float()
            each = zip(turns, contexts.tolist(), written.tolist(), scores.gather(1, written).tolist(), strict=True)
            for mine, context, token, logprob in each:
                mine.append(self._turn(k, context, token, logprob))
        return [
            EpisodeGroup(
                id=f"{step}/{g}",
                episodes=tuple(
                    self._episode(f"{step}/{g}/{e}", f"{step}/{g}", turns[row], rewards[row].tolist())
                    for e in range(self._size)
                    for row in (g * self._size + e,)
                ),
            )
            for g in range(self._groups)
        ]

    def _turn(self, k: int, context: list[int], token: list[int], logprob: list[float]) -> Turn:
        return Turn(
            index=k,
            prompt_token_ids=tuple(context),
            prefix_length=1,
            completion_token_ids=tuple(token),
            logprobs=tuple(logprob),
            sampled_mask=(True,),
            state_length=0,
            finish=FinishReason.STOP,
            policy_version=0,
            state="",
            action=Answer(text=str(token[0])),
            action_text="",
            objective=k,
        )

    def _episode(self, name: str, group: str, turns: list[Turn], rewards: list[float]) -> Episode:
        return Episode(
            id=name,
            group_id=group,
            task=self._task,
            strategy="toy",
            turns=tuple(turns),
            answers=tuple(str(turn.completion_token_ids[0]) for turn in turns),
            stop=StopReason.ANSWERED,
            seconds=0.0,
            reward=sum(rewards),
            score=Score(metrics={"em": tuple(rewards)}, answered=(True,) * OBJECTIVES, scorer="toy"),
        )


def steps_to_score(credit: str, seed: int, steps: int, folder: Path) -> int | None:
    """The first step at which the mean of five steps is 90 %; ``None``: not within ``steps``."""
    torch.manual_seed(seed)
    shape = Qwen2Config(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=16,
        tie_word_embeddings=True,
    )
    policy = Policy(Qwen2ForCausalLM(shape).train(False))
    settings = {
        "algorithm": {"type": "rloo"},
        "credit": credit,
        "normalisation": "constant",
        "constant_length": OBJECTIVES,
    }
    settings |= {"steps": steps, "tasks_per_step": 2, "group_size": 8, "optimizer": OptimizerConfig(lr=3e-3)}
    settings |= {"checkpoint_every": steps, "no_signal_limit": steps, "max_rollout_gap": None}
    run = RunDir.create(folder, f"{credit}-{seed}", Nothing())
    world, rewards = Tokens(policy, 2, 8), objective_rewards_of("em")
    Trainer(policy, TrainConfig.model_validate(settings), run, rollout=world, objective_rewards=rewards).train()
    means = [float(row["reward/mean"]) / OBJECTIVES for row in read_metrics(run.metrics) if "reward/mean" in row]
    return next((k + 1 for k in range(4, len(means)) if statistics.mean(means[k - 4 : k + 1]) >= 0.9), None)


def run(quick: bool, groups: int | None = None) -> dict[str, float | str]:
    """Both figures under both credits, and what one is of the other."""
    spread = variances(groups or (4 if quick else 24))
    found: dict[str, float | str] = {f"gradient variance, credit per {name}": value for name, value in spread.items()}
    found["variance per objective / per episode"] = spread["objective"] / spread["episode"]
    with tempfile.TemporaryDirectory() as folder:
        for credit in CREDITS:
            needed = [
                steps_to_score(credit, seed, 60 if quick else 400, Path(folder)) for seed in range(1 if quick else 5)
            ]
            found[f"steps to 90 %, credit per {credit}"] = ", ".join(
                "not reached" if n is None else str(n) for n in needed
            )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--groups", type=int, default=None)
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.groups)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
