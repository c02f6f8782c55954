"""A world of questions one after the other: nothing has to be kept."""

from __future__ import annotations

import torch

from benchmarks.toys.policy import draw
from benchmarks.toys.records import episode, task, turn
from mem1.train.policy.policy import Policy
from mem1.types import EpisodeGroup, Turn


class Questions:
    """Objective k wants token 4 + k, one token a turn. Its context is ``1, 20 + k`` and what was written before it."""

    vocabulary = 32

    def __init__(self, policy: Policy, *, objectives: int = 8, groups: int = 2, size: int = 8, seed: int = 0) -> None:
        self._policy = policy
        self._seed = seed
        self._task = task("t", range(4, 4 + objectives), one_by_one=True)
        self._groups = groups
        self._size = size

    def __call__(self, step: int) -> list[EpisodeGroup]:
        """The rollout of a step.

        Draws are of ``seed`` too: new policies are all but uniform, and would write the same with the same draws.
        """
        generator = torch.Generator().manual_seed(1_000_000 * self._seed + step)  # torch heeds the lower 32 bits only
        count, objectives = self._groups * self._size, self._task.size
        written = torch.full((count, 1), 3)
        turns: list[list[Turn]] = [[] for _ in range(count)]
        rewards = torch.zeros(count, objectives)
        for k in range(objectives):
            contexts = torch.cat([torch.tensor([[1, 20 + k]]).expand(count, -1), written], 1)
            written, logprobs = draw(self._policy, contexts, generator)
            rewards[:, k] = (written[:, 0] == 4 + k).float()
            for mine, context, token, logprob in zip(
                turns, contexts.tolist(), written.tolist(), logprobs.tolist(), strict=True
            ):
                mine.append(turn(k, context, token, logprob, objective=k))
        return [
            EpisodeGroup(
                id=f"{step}/{g}",
                episodes=tuple(
                    episode(f"{step}/{g}/{e}", f"{step}/{g}", self._task, turns[row], rewards[row].tolist())
                    for e in range(self._size)
                    for row in (g * self._size + e,)
                ),
            )
            for g in range(self._groups)
        ]
