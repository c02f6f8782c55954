"""Rollouts made ahead: who wrote them, that nothing depends on who is faster, and that a resumed run has the same."""

from __future__ import annotations

import asyncio
import copy
import threading
from pathlib import Path

import pytest
import torch

from mem1.errors import BackendError, InexactError
from mem1.inference.hf.loading import copy_weights
from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from mem1.train.ahead import Ahead, check_staleness, staleness
from mem1.train.config import OptimizerConfig, TrainConfig, may_go_on
from mem1.train.policy.policy import Policy
from mem1.train.trainer import Trainer
from mem1.types import Episode, EpisodeError, EpisodeGroup, StopReason
from tests.e2e.toy import ToyRollout, tiny_policy, toy_run


class Follower:
    """A sampler with weights of its own, which writes down whose they are."""

    def __init__(self, policy: Policy, config: TrainConfig) -> None:
        self.trained = policy
        self.own = Policy(copy.deepcopy(policy.model))
        self.rollout = ToyRollout(self.own, groups=config.tasks_per_step, size=config.group_size)
        self.version = 0
        self.calls: list[tuple[int, int]] = []  # (step, version of the weights)

    async def __call__(self, step: int) -> list[EpisodeGroup]:
        self.calls.append((step, self.version))
        version = self.version
        groups = await asyncio.to_thread(self.rollout, step)
        assert self.version == version, "weights are handed over only when nothing is being written"
        return [EpisodeGroup(id=g.id, episodes=tuple(stamped(e, version) for e in g.episodes)) for g in groups]

    def take(self, version: int) -> None:
        copy_weights(self.trained.model, self.own.model)
        self.version = version


def stamped(episode: Episode, version: int) -> Episode:
    turns = tuple(turn.model_copy(update={"policy_version": version}) for turn in episode.turns)
    return episode.model_copy(update={"turns": turns})


def config_of(most: int, **changes: object) -> TrainConfig:
    values = {"steps": 5, "tasks_per_step": 2, "group_size": 4, "optimizer": OptimizerConfig(lr=0.01)}
    more = {"staleness": most, "checkpoint_every": 1, "evaluate_every": 0, "no_signal_limit": 9}
    values["max_rollout_gap"] = None  # at this rate the policy moves by more in two steps
    return TrainConfig.model_validate(values | more | changes)


def trained(path: Path, config: TrainConfig, *, resume: bool = False) -> tuple[Policy, Follower]:
    policy = tiny_policy()
    follower = Follower(policy, config)
    Trainer(policy, config, toy_run(path), rollout=follower, on_weights=follower.take).train(resume=resume)
    return policy, follower


@pytest.mark.parametrize("most", [0, 1, 2])
def test_each_rollout_is_written_by_the_weights_of_so_many_steps_before(tmp_path: Path, most: int) -> None:
    _, follower = trained(tmp_path / "run", config_of(most))
    assert sorted(follower.calls) == [(step, max(0, step - most)) for step in range(5)]
    rows = list(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    if most:
        assert [row["policy/staleness_max"] for row in rows] == [min(step, most) for step in range(5)]
    else:
        assert "policy/staleness" not in rows[0]
    versions = [e.turns[0].policy_version for e in read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz")]
    assert versions == [max(0, step - most) for step in range(5) for _ in range(8)]


def weights(policy: Policy) -> dict[str, torch.Tensor]:
    return dict(policy.model.state_dict())


def test_two_runs_ahead_are_the_same_bit_for_bit_and_not_that_of_taking_turns(tmp_path: Path) -> None:
    one, two, turns = (trained(tmp_path / name, config_of(most))[0] for name, most in [("a", 1), ("b", 1), ("c", 0)])
    assert all(torch.equal(value, weights(two)[name]) for name, value in weights(one).items())
    assert any(not torch.equal(value, weights(turns)[name]) for name, value in weights(one).items())


def test_a_run_that_is_cut_short_learns_from_the_same_rollouts_when_it_goes_on(tmp_path: Path) -> None:
    whole, _ = trained(tmp_path / "whole", config_of(1))

    class CutError(Exception):
        pass

    config, policy = config_of(1), tiny_policy()
    follower = Follower(policy, config)

    def cut(version: int) -> None:
        if version == 3:
            raise CutError
        follower.take(version)

    with pytest.raises(CutError):
        Trainer(policy, config, toy_run(tmp_path / "cut"), rollout=follower, on_weights=cut).train()
    assert (tmp_path / "cut" / "checkpoints" / "step-000003" / "ahead.jsonl").is_file()
    again, after = trained(tmp_path / "cut", config, resume=True)
    assert [step for step, _ in after.calls] == [4], (
        "the rollout of step 3 was made before the cut, by step 2's weights"
    )
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())
    ids = [e.id for e in read_episodes(tmp_path / "cut" / "episodes" / "train.jsonl.gz")]
    assert ids == [e.id for e in read_episodes(tmp_path / "whole" / "episodes" / "train.jsonl.gz")]
    assert len(set(ids)) == len(ids) == 5 * 8


def test_a_rollout_that_fails_ends_the_run_when_its_step_comes_and_costs_no_finished_step(tmp_path: Path) -> None:
    config, policy = config_of(1), tiny_policy()
    follower = Follower(policy, config)

    async def failing(step: int) -> list[EpisodeGroup]:
        if step == 2:
            raise BackendError("the server is gone")
        return await follower(step)

    with pytest.raises(BackendError, match="the server is gone"):
        Trainer(policy, config, toy_run(tmp_path / "run"), rollout=failing, on_weights=follower.take).train()
    assert [row["step"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl")] == [1, 2]
    again, _ = trained(tmp_path / "run", config, resume=True)
    whole, _ = trained(tmp_path / "whole", config)
    ids = [e.id for e in read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz")]
    assert len(set(ids)) == len(ids) == 5 * 8
    assert weights(again).keys() == weights(whole).keys()


def test_a_rollout_ahead_of_which_every_episode_failed_is_made_anew_by_who_goes_on(tmp_path: Path) -> None:
    config, policy = config_of(1), tiny_policy()
    follower = Follower(policy, config)
    broken = {"stop": StopReason.ERROR, "reward": None, "error": EpisodeError(type="BackendError", message="no model")}

    async def failing(step: int) -> list[EpisodeGroup]:
        groups = await follower(step)
        if step < 2:
            return groups
        return [EpisodeGroup(id=g.id, episodes=tuple(e.model_copy(update=broken) for e in g.episodes)) for g in groups]

    with pytest.raises(BackendError, match="all 8 episodes failed"):
        Trainer(policy, config, toy_run(tmp_path / "run"), rollout=failing, on_weights=follower.take).train()
    trained(tmp_path / "run", config, resume=True)
    ids = [e.id for e in read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz")]
    assert len(set(ids)) == len(ids) == 5 * 8


def test_learning_and_rolling_out_go_on_at_the_same_time() -> None:
    """Each waits for the other to have begun: one after the other neither would ever end."""
    learning, rolling = threading.Event(), threading.Event()

    async def rollout(step: int) -> list[EpisodeGroup]:
        if step:
            rolling.set()
            await asyncio.to_thread(learning.wait, 30)
        return []

    def learn() -> bool:
        learning.set()
        return rolling.wait(30)

    ahead = Ahead(rollout, staleness=1, steps=3)
    assert ahead.take(0) == []
    assert ahead.while_learning(0, learn)
    assert learning.is_set()


def test_what_learning_raises_comes_through_and_the_rollout_beside_it_is_ended() -> None:
    ended: list[str] = []

    async def rollout(step: int) -> list[EpisodeGroup]:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append(str(step))
            raise
        return []

    def learn() -> None:
        raise InexactError("no")

    ahead = Ahead(rollout, staleness=1, steps=3)
    with pytest.raises(InexactError, match="no"):
        ahead.while_learning(0, learn)
    assert ended == ["1"]


def test_staleness_is_that_of_the_oldest_turn_and_more_than_was_asked_for_is_refused() -> None:
    episode = ToyRollout(tiny_policy(), groups=1, size=1)(0)[0].episodes[0]
    first, second = episode.turns
    mixed = episode.model_copy(
        update={
            "turns": (first.model_copy(update={"policy_version": 5}), second.model_copy(update={"policy_version": 3}))
        }
    )
    assert staleness(mixed, 6) == 3
    check_staleness(mixed, 6, 3)
    with pytest.raises(InexactError, match="3 steps old, more than 2"):
        check_staleness(mixed, 6, 2)
    assert staleness(mixed.model_copy(update={"turns": ()}), 6) is None


def test_a_policy_that_moves_too_far_between_rollout_and_update_stops_with_the_cause(tmp_path: Path) -> None:
    with pytest.raises(InexactError, match=r"the policy moves that far in 2 steps \(train\.staleness\)"):
        trained(tmp_path / "run", config_of(2, max_rollout_gap=0.1))


def test_a_run_ahead_is_not_made_longer_afterwards() -> None:
    """Its last rollouts would have been made by older weights had the steps been asked for at once."""
    assert may_go_on(config_of(0), config_of(0, steps=9))
    assert not may_go_on(config_of(1), config_of(1, steps=9))
