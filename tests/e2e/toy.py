"""A task that a tiny random model learns within seconds: write token 7, in two contexts, the second one rewritten.

The rollout samples from the policy itself, records exactly what a real engine records, and depends on the step and the
weights only.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from pathlib import Path

import torch

from benchmarks.toys.policy import Nothing, small_policy
from mem1.storage.run_dir import RunDir
from mem1.train.config import TrainConfig, WarmstartConfig
from mem1.train.policy.policy import Policy
from mem1.train.trainer import Trainer
from mem1.train.warmstart import repeated, warm_start
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

VOCABULARY = 12
TARGET = 7
TOKENS = 2
PROMPTS = ((1, 2, 3), (1, 4, 3))


def tiny_policy(seed: int = 0) -> Policy:
    return small_policy(VOCABULARY, seed, hidden=16, kv_heads=1)


def toy_task(index: int) -> Task:
    objective = Objective(id=f"o{index}", question="?", answers=("7",), source="toy")
    return Task(
        id=f"t{index}", composition=Composition.PARALLEL, reveal="upfront", split="train", objectives=(objective,)
    )


def toy_episode(
    name: str,
    prompt: tuple[int, ...],
    completions: list[tuple[list[int], list[float]]],
    reward: float,
    *,
    group: str = "g",
    task: int = 0,
) -> Episode:
    """Every turn's context is the prompt and the completion before it; the last token of a turn is forced."""
    carried: tuple[int, ...] = ()
    turns = []
    for index, (ids, logprobs) in enumerate(completions):
        completion = (*ids, 0)
        turns.append(
            Turn(
                index=index,
                prompt_token_ids=prompt + carried,
                prefix_length=len(prompt),
                completion_token_ids=completion,
                logprobs=(*logprobs, 0.0),
                sampled_mask=(*[True] * len(ids), False),
                state_length=1,
                finish=FinishReason.STOP,
                policy_version=0,
                state="",
                action=Answer(text=""),
                action_text="",
            )
        )
        carried = (5, *completion)
    return Episode(
        id=name,
        group_id=group,
        task=toy_task(task),
        strategy="toy",
        turns=tuple(turns),
        answers=("7" if reward else None,),
        stop=StopReason.ANSWERED,
        seconds=0.0,
        reward=reward,
        score=Score(metrics={"em": (reward,), "f1": (reward,)}, answered=(reward > 0,), scorer="toy"),
    )


class ToyRollout:
    """Samples ``groups`` groups of ``size`` episodes; the reward is the share of tokens that are the target."""

    def __init__(self, policy: Policy, *, groups: int = 2, size: int = 8, turns: int = 2) -> None:
        self.policy = policy
        self.groups = groups
        self.size = size
        self.turns = turns

    @torch.no_grad()
    def __call__(self, step: int) -> list[EpisodeGroup]:
        generator = torch.Generator().manual_seed(step)
        found = []
        for index in range(self.groups):
            prompt = PROMPTS[index % len(PROMPTS)]
            episodes = self._sample(f"s{step}-g{index}", prompt, index, generator)
            found.append(EpisodeGroup(id=f"s{step}-g{index}", episodes=tuple(episodes)))
        return found

    def _sample(self, group: str, prompt: tuple[int, ...], task: int, generator: torch.Generator) -> list[Episode]:
        contexts = torch.tensor(prompt).repeat(self.size, 1)
        written: list[list[tuple[list[int], list[float]]]] = [[] for _ in range(self.size)]
        for _ in range(self.turns):
            ids = contexts
            logprobs = []
            for _ in range(TOKENS):
                scores = self.policy.model(input_ids=ids).logits[:, -1].float().log_softmax(-1)
                chosen = torch.multinomial(scores.exp(), 1, generator=generator)
                logprobs.append(scores.gather(1, chosen)[:, 0])
                ids = torch.cat([ids, chosen], 1)
            new, values = ids[:, contexts.shape[1] :], torch.stack(logprobs, 1)
            for row in range(self.size):
                written[row].append((new[row].tolist(), values[row].tolist()))
            fixed = torch.tensor([[*prompt, 5]]).expand(self.size, -1)
            contexts = torch.cat([fixed, new, torch.zeros(self.size, 1, dtype=torch.long)], 1)
        return [
            toy_episode(
                f"{group}-{row}",
                prompt,
                turns,
                sum(token == TARGET for ids, _ in turns for token in ids) / (TOKENS * self.turns),
                group=group,
                task=task,
            )
            for row, turns in enumerate(written)
        ]


def toy_run(path: Path) -> RunDir:
    """The run directory at ``path``, made if it is not there."""
    return RunDir.open(path) if (path / "config.json").exists() else RunDir.create(path.parent, path.name, Nothing())


def toy_trainer(path: Path, config: TrainConfig, *, seed: int = 0) -> tuple[Policy, Trainer]:
    """A trainer over a fresh tiny policy."""
    policy = tiny_policy(seed)
    rollout = ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size)
    return policy, Trainer(policy, config, toy_run(path), rollout=rollout)


def train_in_child(path: Path, config: TrainConfig, news: Connection) -> None:
    """Train or resume at ``path``; send the number of complete steps whenever it changes."""
    torch.set_num_threads(1)
    policy = tiny_policy()

    @torch.no_grad()
    def evaluate(step: int) -> dict[str, float]:
        logits = policy.model(input_ids=torch.tensor([PROMPTS[0]])).logits
        return {"seven": logits[0, -1].softmax(-1)[TARGET].item()}

    Trainer(
        policy,
        config,
        toy_run(path),
        rollout=ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size),
        evaluate=evaluate,
        on_weights=news.send,
    ).train(resume=True)


def demonstrations() -> list[Episode]:
    """Episodes that write the target in every place, or the token before it."""
    return [
        toy_episode(f"d{index}", PROMPTS[index % 2], [([TARGET, TARGET - index % 2], [0.0, 0.0])] * 2, 1.0)
        for index in range(12)
    ]


def warm_start_in_child(path: Path, config: WarmstartConfig, news: Connection) -> None:
    """Warm-start or resume at ``path``; send the number of complete steps whenever it changes."""
    torch.set_num_threads(1)
    warm_start(
        tiny_policy(),
        repeated(demonstrations(), seed=1),
        config,
        toy_run(path),
        held_out=demonstrations()[:2],
        on_weights=news.send,
        resume=True,
    )
