"""Many episodes at once."""

from __future__ import annotations

import asyncio

import pytest

from mem1.errors import StorageError
from mem1.inference.base import Request
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.rollout.group import as_groups, group_requests, run_requests
from mem1.types import Action, Completion, Episode, Observation, StopReason
from tests.unit.rollout.worlds import World, parts, request, task

ANSWER = "<think>b</think><answer>Lima</answer>"
SEARCH = "<think>a</think><search>Peru</search>"


def test_jobs_by_hand() -> None:
    requests = group_requests([task("x"), task("y")], 2, seed=1, label="step-3")
    assert [(j.task.id, j.group_id, j.episode_id) for j in requests] == [
        ("x", "step-3/0", "step-3/0/0"),
        ("x", "step-3/0", "step-3/0/1"),
        ("y", "step-3/1", "step-3/1/0"),
        ("y", "step-3/1", "step-3/1/1"),
    ]
    assert len({j.seed for j in requests}) == 4
    assert requests == group_requests([task("x"), task("y")], 2, seed=1, label="step-3")
    assert requests[0].seed != group_requests([task("x")], 1, seed=2, label="step-3")[0].seed
    with pytest.raises(ValueError, match="group_size"):
        group_requests([task()], 0, seed=1, label="x")


class Uneven(ScriptedEngine):
    """The session's name says how many event-loop turns it waits; counts how many wait at once and how many wrote."""

    def __init__(self) -> None:
        super().__init__(lambda *_: ANSWER)
        self.now = self.most = self.wrote = 0

    async def generate(self, request: Request) -> Completion:
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(int(request.session)):
            await asyncio.sleep(0)
        self.now -= 1
        self.wrote += 1
        return await super().generate(request)


def test_order_of_jobs_is_kept_and_finished_ones_are_delivered_at_once() -> None:
    engine = Uneven()
    delivered: list[str] = []
    names = ["90", "60", "30", "1"]
    episodes = asyncio.run(
        run_requests(
            [request(n) for n in names], parts(engine), concurrency=3, on_episode=lambda e: delivered.append(e.id)
        )
    )
    assert [episode.id for episode in episodes] == names
    assert delivered == ["30", "1", "60", "90"]
    assert engine.most == 3


def test_results_do_not_depend_on_concurrency() -> None:
    def run(concurrency: int) -> list[Episode]:
        engine = ScriptedEngine(lambda session, _: ANSWER if session.endswith("1") else SEARCH)
        requests = group_requests([task("x"), task("y")], 3, seed=0, label="l")
        return asyncio.run(run_requests(requests, parts(engine), concurrency=concurrency))

    one, many = run(1), run(10)
    assert [episode.stop for episode in one] == [StopReason.TURN_LIMIT, StopReason.ANSWERED, StopReason.TURN_LIMIT] * 2
    texts = [[[turn.action for turn in episode.turns] for episode in episodes] for episodes in (one, many)]
    assert texts[0] == texts[1]


def test_no_jobs_and_no_workers() -> None:
    engine = ScriptedEngine(lambda *_: ANSWER)
    assert asyncio.run(run_requests([], parts(engine), concurrency=4)) == []
    with pytest.raises(ValueError, match="concurrency"):
        asyncio.run(run_requests([request()], parts(engine), concurrency=0))


def test_failed_episodes_are_delivered_like_others() -> None:
    def fail(action: Action) -> Observation:
        raise OSError("gone")

    engine = ScriptedEngine(lambda session, _: ANSWER if session == "good" else SEARCH)
    requests = [request("bad"), request("good")]
    episodes = asyncio.run(run_requests(requests, parts(engine, lambda t: World(t, shown=fail)), concurrency=2))
    assert [episode.failed for episode in episodes] == [True, False]


def test_cancellation_keeps_what_is_finished() -> None:
    engine = Uneven()
    delivered: list[str] = []

    async def interrupted() -> None:
        requests = [request("1"), request("2"), request("100000")]
        running = asyncio.create_task(
            run_requests(requests, parts(engine), concurrency=3, on_episode=lambda e: delivered.append(e.id))
        )
        while len(delivered) < 2:
            await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert len(asyncio.all_tasks()) == 1  # nothing is left behind

    asyncio.run(interrupted())
    assert delivered == ["1", "2"]
    assert engine.wrote == 2


def test_a_crash_stops_the_others_and_propagates() -> None:
    def full_disk(episode: Episode) -> None:
        raise StorageError("disk full", hint="free some space")

    engine = Uneven()

    async def crash() -> None:
        with pytest.raises(StorageError, match="disk full"):
            await run_requests([request("1"), request("100000")], parts(engine), concurrency=2, on_episode=full_disk)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(crash())
    assert engine.wrote == 1


def test_groups_in_order_of_appearance() -> None:
    engine = ScriptedEngine(lambda *_: ANSWER)
    requests = group_requests([task("x"), task("y")], 2, seed=0, label="l")
    episodes = asyncio.run(run_requests(requests, parts(engine), concurrency=1))
    groups = as_groups([episodes[2], episodes[0], episodes[3], episodes[1]])
    assert [(group.id, [e.id for e in group.episodes]) for group in groups] == [
        ("l/1", ["l/1/0", "l/1/1"]),
        ("l/0", ["l/0/0", "l/0/1"]),
    ]
