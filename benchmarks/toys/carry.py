"""A world in which one value has to be carried on a page of one token, through rewrites, to the turn that answers."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.toys.policy import draw
from benchmarks.toys.records import episode, task, turn
from mem1.train.memory_credit.probes import Probe
from mem1.train.policy.policy import Policy
from mem1.types import Episode, EpisodeGroup, SideCall, Task, Turn

P, OPENING, GO_ON, FIRST = 1, 2, 3, 4
VALUES = 4


class Carry:
    """Value v is shown once (token 8 + v); the answer is token 4 + v, ``rewrites`` turns later.

    Contexts are ``P, 8 + v`` first, then ``P, page, GO_ON``, and ``P, page`` for the answer, which begins with a forced
    ``OPENING``. Any code will do for the page: what a token of it means is agreed between the turns that write and the
    one that reads. With ``side_calls`` pages are written in calls of the memory's own instead of turns.
    """

    vocabulary = 16

    def __init__(self, policy: Policy, *, rewrites: int = 2, size: int = 8, side_calls: bool = False) -> None:
        self._policy = policy
        self._rewrites = rewrites
        self._size = size
        self._side_calls = side_calls
        self._tasks = [task(str(v), [FIRST + v], one_by_one=False) for v in range(VALUES)]

    def __call__(self, step: int) -> list[EpisodeGroup]:
        """The rollout of a step: a group for each value."""
        generator = torch.Generator().manual_seed(step)
        values = torch.arange(VALUES).repeat_interleave(self._size)[:, None]
        start = torch.full_like(values, P)
        contexts, pages = torch.cat([start, 2 * FIRST + values], 1), []
        for _ in range(self._rewrites):
            page, logprobs = draw(self._policy, contexts, generator)
            pages.append((contexts.tolist(), page.tolist(), logprobs.tolist()))
            contexts = torch.cat([start, page, torch.full_like(values, GO_ON)], 1)
        reading = contexts[:, :2]
        answer, logprobs = draw(self._policy, torch.cat([reading, torch.full_like(values, OPENING)], 1), generator)
        right = (answer == FIRST + values).float()
        return [
            EpisodeGroup(
                id=f"{step}/{v}",
                episodes=tuple(
                    self._episode(f"{step}/{v}/{e}", v, step, row, pages, (reading, answer, logprobs), right)
                    for e in range(self._size)
                    for row in (v * self._size + e,)
                ),
            )
            for v in range(VALUES)
        ]

    def _episode(
        self,
        name: str,
        value: int,
        step: int,
        row: int,
        pages: list[tuple[list[list[int]], list[list[int]], list[list[float]]]],
        answered: tuple[Tensor, Tensor, Tensor],
        right: Tensor,
    ) -> Episode:
        reading, answer, logprobs = (one[row].tolist() for one in answered)
        written: list[Turn] = []
        calls: list[SideCall] = []
        for k, (contexts, page, known) in enumerate(pages):
            if self._side_calls:
                calls.append(_call(contexts[row], page[row], known[row]))
            else:
                shown = int(k + 1 < len(pages))
                written.append(turn(k, contexts[row], page[row], known[row], state=1, shown=shown))
        last = turn(len(written), reading, (OPENING, *answer), (0.0, *logprobs), forced=1)
        made = episode(name, f"{step}/{value}", self._tasks[value], [*written, last], right[row].tolist())
        return made.model_copy(update={"side_calls": tuple(calls)})


def probe(of: Task, objective: int) -> Probe:
    """The answer as it is asked for: ``OPENING`` and the token."""
    return Probe((OPENING, int(of.objectives[objective].answers[0])), ((1, 2),))


def _call(context: list[int], page: list[int], logprobs: list[float]) -> SideCall:
    return SideCall(
        turn=0,
        purpose="page",
        prompt_token_ids=tuple(context),
        prefix_length=1,
        completion_token_ids=tuple(page),
        logprobs=tuple(logprobs),
        sampled_mask=(True,),
    )
