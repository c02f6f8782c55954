"""Neutral rows, with numbers worked out by hand: what each episode counts for, whatever the number of its rows."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence

import pytest

from mem1.errors import DataError
from mem1.train.advantages.by_turn import episode_advantages
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.reinforce_pp import ReinforcePP
from mem1.train.advantages.rloo import Rloo
from mem1.train.rows.row import Normalisation, Row, make_rows, trained_values
from mem1.types import Episode
from tests.unit.train.episodes import episode, turn

ROWS = (6, 2, 2, 2)
REWARDS = (0.0, 1.0, 1.0, 1.0)


def rewritten(name: str, contexts: int, reward: float) -> Episode:
    """An episode of so many contexts, none of which extends another; in each a forced token and two sampled ones."""
    turns = [
        turn(k, (1, 2, 10 + k), (5, 6, 7), prefix=2, sampled=(True, True, False), logprobs=(-0.5, -0.25, 0.0))
        for k in range(contexts)
    ]
    return episode(name, turns).model_copy(update={"reward": reward})


GROUP = [rewritten(f"e{k}", rows, reward) for k, (rows, reward) in enumerate(zip(ROWS, REWARDS, strict=True))]


def share(rows: list[Row], name: str) -> float:
    """What an episode counts for in the loss."""
    return sum(row.weight * sum(row.trained) for row in rows if row.episode_id == name)


@pytest.mark.parametrize(
    ("algorithm", "advantages"),
    [
        # mean 3/4; the squares of -3/4, 1/4, 1/4, 1/4 add up to 3/4, so the sample deviation is 1/2
        (Grpo(scale_by_std=True), (-1.5, 0.5)),
        (Grpo(scale_by_std=False), (-0.75, 0.25)),
        (Rloo(), (-1.0, 1 / 3)),  # 0 - 1, and 1 - 2/3
        # over the batch: the population's deviation is the root of 3/16
        (ReinforcePP(subtract_group_mean=False), (-math.sqrt(3), 1 / math.sqrt(3))),
        (ReinforcePP(subtract_group_mean=True), (-math.sqrt(3), 1 / math.sqrt(3))),
    ],
    ids=["grpo", "dr. grpo", "rloo", "reinforce++", "reinforce++ baseline"],
)
def test_each_of_four_episodes_is_a_quarter_of_the_loss(algorithm: Algorithm, advantages: tuple[float, float]) -> None:
    rows = make_rows(GROUP, episode_advantages([GROUP], algorithm), normalisation="episode")
    assert len(rows) == 12
    assert [share(rows, one.id) for one in GROUP] == pytest.approx([0.25] * 4)
    assert [row.weight for row in rows] == pytest.approx([1 / 48] * 6 + [1 / 16] * 6)  # 1 / (4 * 12) and 1 / (4 * 4)
    lost, won = advantages
    for row in rows:
        expected = lost if row.episode_id == "e0" else won
        assert row.advantages == pytest.approx((0, 0, 0, expected, expected, 0), abs=1e-5)
    # So the mean advantage of the loss is that over episodes, not over rows.
    total = sum(row.weight * sum(row.advantages) for row in rows)
    assert total == pytest.approx((lost + 3 * won) / 4, abs=1e-5)


def test_by_token_a_long_episode_counts_for_more() -> None:
    rows = make_rows(GROUP, {one.id: 1.0 for one in GROUP}, normalisation="token")
    assert {row.weight for row in rows} == {1 / 24}
    assert [share(rows, one.id) for one in GROUP] == pytest.approx([0.5, 1 / 6, 1 / 6, 1 / 6])


def test_a_constant_divides_all_episodes_alike() -> None:
    """Dr. GRPO: two episodes of 4 and 12 tokens, 20 at most: the mean of the sums over 20."""
    rows = make_rows(GROUP[:2], {"e0": 1.0, "e1": 1.0}, normalisation="constant", constant=20)
    assert {row.weight for row in rows} == {1 / 40}
    assert [share(rows, one.id) for one in GROUP[:2]] == pytest.approx([12 / 40, 4 / 40])
    with pytest.raises(ValueError, match="needs the constant"):
        make_rows(GROUP[:2], {"e0": 1.0, "e1": 1.0}, normalisation="constant")


@pytest.mark.parametrize("normalisation", ["token", "episode"])
def test_an_advantage_a_token_stays_with_its_token(normalisation: Normalisation) -> None:
    """Of PPO: its critic's advantages are one for each sampled token, in time order."""
    each: dict[str, float | Sequence[float]] = {"e1": [0.1, 0.2, 0.3, 0.4], "e2": [1, 2, 3, 4]}
    rows = make_rows(GROUP[1:3], each, normalisation=normalisation)
    assert [row.advantages for row in rows] == [
        (0, 0, 0, 0.1, 0.2, 0),
        (0, 0, 0, 0.3, 0.4, 0),
        (0, 0, 0, 1, 2, 0),
        (0, 0, 0, 3, 4, 0),
    ]
    assert sum(share(rows, one.id) for one in GROUP) == pytest.approx(1)


def test_a_row_is_what_was_sampled() -> None:
    _, row = make_rows(GROUP[1:2], {"e1": 1.0}, normalisation="token")
    assert list(row.token_ids) == [1, 2, 11, 5, 6, 7]
    assert list(row.trained) == [False, False, False, True, True, False]
    assert list(row.rollout_logprobs) == [0, 0, 0, -0.5, -0.25, 0]
    assert (row.episode_id, row.group_id, row.policy_version) == ("e1", "g", 0)
    assert trained_values([row], [row.token_ids]) == [5, 6]


def test_turns_that_grow_one_context_are_one_row_with_the_oldest_version() -> None:
    first = turn(0, (1, 2), (3, 4), prefix=2, logprobs=(-1.0, -2.0)).model_copy(update={"policy_version": 7})
    second = turn(1, (1, 2, 3, 4, 9), (5,), prefix=2, logprobs=(-3.0,)).model_copy(update={"policy_version": 8})
    other = turn(2, (1, 2, 8), (6,), prefix=2, logprobs=(-4.0,)).model_copy(update={"policy_version": 9})
    rows = make_rows([episode("e", (first, second, other))], {"e": [1, 2, 3, 4]}, normalisation="token")
    assert [row.token_ids for row in rows] == [(1, 2, 3, 4, 9, 5), (1, 2, 8, 6)]
    assert [row.advantages for row in rows] == [(0, 0, 1, 2, 0, 3), (0, 0, 0, 4)]
    assert [row.rollout_logprobs for row in rows] == [(0, 0, -1, -2, 0, -3), (0, 0, 0, -4)]
    assert [row.policy_version for row in rows] == [7, 9]


def test_what_cannot_be_weighted_is_refused() -> None:
    silent = episode("silent", (turn(0, (1,), (2,), prefix=1, sampled=(False,)),))
    with pytest.raises(DataError, match="nothing was written in episode 'silent'"):
        make_rows([silent], {"silent": 1.0}, normalisation="episode")
    with pytest.raises(DataError, match="'e1' has 4 sampled tokens and 3 advantages"):
        make_rows(GROUP[1:2], {"e1": [1, 2, 3]}, normalisation="episode")
    with pytest.raises(ValueError, match="lengths differ in a row of episode 'e'"):
        Row((1, 2), (True,), (0.0, 0.0), (0.0, 0.0), 1.0, "e", "g", 0)


def test_rows_are_made_without_torch() -> None:
    modules = "mem1.train.rows.row, mem1.train.backends.base, mem1.train.advantages.by_turn"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
