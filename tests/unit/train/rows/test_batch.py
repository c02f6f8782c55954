"""The flat layout, worked out by hand."""

from __future__ import annotations

import pytest

from mem1.errors import DataError
from mem1.train.rows.batch import make_batch
from mem1.types import Episode
from tests.unit.train.episodes import episode, failed, turn


def episodes() -> list[Episode]:
    first = episode(
        "a",
        [
            turn(0, [1, 2], [10, 11], prefix=2, sampled=[True, False], logprobs=[-0.1, 0.0]),
            turn(1, [1, 2, 11], [12], prefix=2, logprobs=[-0.2]),
        ],
    )
    second = episode("b", [turn(0, [1, 2], [13, 14, 15], prefix=2, logprobs=[-0.3, -0.4, -0.5])])
    return [first, second]


def test_flat_layout() -> None:
    batch = make_batch(episodes(), capacity=100)
    assert batch.size == 5
    assert batch.starts.tolist() == [0, 2, 5]
    assert batch.episode_of.tolist() == [0, 0, 1, 1, 1]
    assert batch.turn_of.tolist() == [0, 1, 0, 0, 0]
    assert batch.rollout_logprobs.tolist() == pytest.approx([-0.1, -0.2, -0.3, -0.4, -0.5])


def test_every_flat_token_is_trained_once_as_what_was_sampled() -> None:
    for view in ("packed", "reference"):
        batch = make_batch(episodes(), capacity=100, view=view)
        found = {
            flat: token
            for row in batch.rows
            for flat, token in zip(row.flat.tolist(), row.target.tolist(), strict=True)
        }
        assert found == {0: 10, 1: 12, 2: 13, 3: 14, 4: 15}
        assert sum(len(row.flat) for row in batch.rows) == 5


def test_reference_has_one_plain_row_per_sample() -> None:
    batch = make_batch(episodes(), capacity=1, view="reference")
    assert [row.token_ids.tolist() for row in batch.rows] == [[1, 2, 10, 11], [1, 2, 11, 12], [1, 2, 13, 14, 15]]
    assert all(row.linear and row.positions.tolist() == list(range(row.length)) for row in batch.rows)


def test_failed_episodes_and_empty_batches_are_refused() -> None:
    with pytest.raises(DataError, match="failed"):
        make_batch([*episodes(), failed("c")], capacity=100)
    with pytest.raises(DataError, match="no sampled token"):
        make_batch([], capacity=100)
