"""Many episodes at once: requests from tasks, episodes from requests, groups from episodes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

from mem1.rollout.episode import RolloutContext, RolloutRequest, run_episode
from mem1.rollout.limits import derive_seed
from mem1.types import Episode, EpisodeGroup, Task


def group_requests(tasks: Sequence[Task], group_size: int, *, seed: int, label: str) -> list[RolloutRequest]:
    """``group_size`` requests for each task, a task's requests side by side and in one group.

    ``label`` must be unique among the runs that share an engine or a file: ids are
    ``label/task/episode`` by position. Seeds depend on ``seed``, ``label`` and both positions.
    """
    if group_size < 1:
        raise ValueError(f"group_size must be at least 1, got {group_size}")
    return [
        RolloutRequest(
            task=task,
            episode_id=f"{label}/{position}/{member}",
            group_id=f"{label}/{position}",
            seed=derive_seed(seed, label, position, member),
        )
        for position, task in enumerate(tasks)
        for member in range(group_size)
    ]


async def run_requests(
    requests: Sequence[RolloutRequest],
    parts: RolloutContext,
    *,
    concurrency: int,
    on_episode: Callable[[Episode], None] | None = None,
    run: Callable[[RolloutRequest, RolloutContext], Awaitable[Episode]] = run_episode,
) -> list[Episode]:
    """Run all ``requests``, at most ``concurrency`` at a time; the episodes come back in the order of the requests.

    ``on_episode`` gets each episode as soon as it is finished, in the order of finishing. When the
    run is cancelled (Ctrl-C) or one request crashes, the others stop at once and everything finished
    so far has been delivered. Failed episodes are delivered and returned like any other. ``run`` runs one.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, got {concurrency}")
    finished: dict[int, Episode] = {}
    waiting = iter(enumerate(requests))

    async def work() -> None:
        for position, request in waiting:
            episode = await run(request, parts)
            finished[position] = episode
            if on_episode is not None:
                on_episode(episode)

    workers = [asyncio.create_task(work()) for _ in range(min(concurrency, len(requests)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [finished[position] for position in range(len(requests))]


def as_groups(episodes: Iterable[Episode]) -> list[EpisodeGroup]:
    """Episodes by ``group_id``, groups in the order in which they first appear."""
    members: dict[str, list[Episode]] = {}
    for episode in episodes:
        members.setdefault(episode.group_id, []).append(episode)
    return [EpisodeGroup(id=name, episodes=tuple(group)) for name, group in members.items()]
