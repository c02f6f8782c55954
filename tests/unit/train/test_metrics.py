"""A step's numbers, worked out by hand."""

from __future__ import annotations

import math
import random

import pytest
import torch

from mem1.train.config import TrainConfig
from mem1.train.metrics import by_turn, rollout_metrics, update_metrics
from mem1.train.prepare import Minibatch, prepare
from mem1.train.rows.batch import make_batch
from mem1.train.selection import select
from mem1.train.update import StepStats
from mem1.types import EpisodeError, EpisodeGroup, StopReason
from tests.e2e.toy import PROMPTS, tiny_policy, toy_episode


def test_rollout_metrics_count_every_episode() -> None:
    a = toy_episode("a", PROMPTS[0], [([7, 6], [-1.0, -1.0]), ([7], [-1.0])], 1.0)
    b = toy_episode("b", PROMPTS[0], [([4, 4], [-1.0, -1.0])], 0.0)
    error = EpisodeError(type="BackendError", message="down")
    c = b.model_copy(update={"id": "c", "reward": None, "score": None, "stop": StopReason.ERROR, "error": error})
    groups = [EpisodeGroup(id="g", episodes=(a, b, c))]
    values = rollout_metrics(groups, select(groups, compare_in_groups=True))
    # a: turn 0 is 3 + 3 tokens, turn 1 is (3 + 1 + 3) + 2; b: 3 + 3
    expected = {
        "count/episodes": 3,
        "count/failed": 1,
        "count/unscored": 0,
        "count/groups": 1,
        "count/without_signal": 0,
        "reward/mean": 0.5,
        "reward/max": 1.0,
        "quality/em": 0.5,
        "quality/answer_rate": 0.5,
        "episode/turns": 1.5,
        "episode/sampled": 2.5,
        "episode/state_length": 1.0,
        "episode/malformed": 0.0,
        "episode/peak": 7.5,
        "episode/peak_max": 9,
        "episode/peak_without_prompt": 4.5,
        "episode/stopped_answered": 2 / 3,
        "episode/stopped_error": 1 / 3,
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_nothing_finished_gives_counts_and_no_means() -> None:
    values = rollout_metrics([], select([], compare_in_groups=True))
    assert values["count/episodes"] == 0
    assert "reward/mean" not in values


def test_by_turn() -> None:
    assert by_turn(torch.tensor([1.0, 3.0, 5.0]), torch.tensor([0, 0, 2])) == [2.0, None, 5.0]


def test_update_metrics_by_hand() -> None:
    rollout = [-1.0, -2.0, -1.0]
    episode = toy_episode("a", PROMPTS[0], [([7, 6], rollout[:2]), ([7], rollout[2:])], 1.0)
    batch = make_batch([episode], capacity=100)
    old = torch.tensor([-1.0, -1.5, -1.25])
    minibatch = Minibatch(batch, torch.ones(3) / 3, torch.tensor([1.0, 1.0, -1.0]), old, None, None, None, old - 0.5)

    def seen(ratio: list[float], clipped: list[bool], entropy: float) -> StepStats:
        moved = old + torch.tensor(ratio).log()
        return StepStats(
            minibatch,
            moved,
            torch.full((3,), entropy),
            torch.tensor(ratio),
            torch.tensor(clipped),
            0.5,
            None,
            2.0,
            None,
        )

    updates = [seen([1.0, 1.0, 1.0], [False] * 3, 0.7), seen([1.2, 0.8, 2.0], [False, False, True], 0.1)]
    values = update_metrics(updates)
    assert values["policy/updates"] == 2
    assert values["policy/entropy"] == pytest.approx(0.7)
    assert values["policy/clip_fraction"] == pytest.approx(1 / 6)
    assert values["policy/clip_by_turn"] == [0.0, 0.5]
    assert values["policy/ratio_by_turn"] == pytest.approx([1.0, 1.5])
    assert (values["policy/ratio_min"], values["policy/ratio_max"]) == pytest.approx((0.8, 2.0))
    assert values["policy/rollout_gap"] == pytest.approx(0.25)
    assert values["policy/rollout_gap_by_turn"] == pytest.approx([0.25, 0.25])
    assert values["policy/kl_reference"] == pytest.approx(math.exp(-0.5) - 1 + 0.5)
    expected = sum((r - 1 - math.log(r)) for r in (1.2, 0.8, 2.0)) / 6  # the first update's share is 0
    assert values["policy/kl_step"] == pytest.approx(expected, rel=1e-4)
    assert values["policy/advantage_std"] == pytest.approx(math.sqrt(8 / 9))
    assert update_metrics([]) == {}


def test_prepared_minibatches_fit_the_metrics() -> None:
    """An update that is the only one compares the rollout with the weights it saw itself."""
    policy = tiny_policy()
    episodes = tuple(
        toy_episode(name, PROMPTS[0], [([token], [-math.log(12)])], float(token == 7), group="g")
        for name, token in (("a", 7), ("b", 3))
    )
    selection = select([EpisodeGroup(id="g", episodes=episodes)], compare_in_groups=True)
    (minibatch,) = prepare(
        selection, TrainConfig(), view="packed", policy=policy, critic=None, reference=None, rng=random.Random(0)
    )
    assert minibatch.advantages.abs().tolist() == pytest.approx([math.sqrt(0.5)] * 2, rel=1e-4)
