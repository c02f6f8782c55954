"""Which tokens make one sample, worked out by hand."""

from __future__ import annotations

import pytest

from mem1.errors import DataError
from mem1.train.rows.samples import sampled_count, samples_of
from tests.unit.train.episodes import episode, failed, turn


def test_a_rewritten_context_opens_a_new_sample() -> None:
    first = turn(0, [1, 2], [10, 11], prefix=2)
    second = turn(1, [1, 2, 11, 20], [12, 13], prefix=2)  # the 10 was dropped
    samples = samples_of(episode("e", [first, second]), index=3, first_flat=100)
    assert [s.token_ids for s in samples] == [(1, 2, 10, 11), (1, 2, 11, 20, 12, 13)]
    assert [s.trained for s in samples] == [(False, False, True, True), (False, False, False, False, True, True)]
    assert [s.flat for s in samples] == [(100, 101), (102, 103)]
    assert {(s.episode, s.group, s.prefix_length) for s in samples} == {(3, "g", 2)}


def test_turns_that_extend_the_sequence_are_merged() -> None:
    first = turn(0, [1, 2], [10, 11], prefix=2, sampled=[True, False])
    second = turn(1, [1, 2, 10, 11, 20], [12], prefix=2)
    third = turn(2, [1, 2, 12, 21], [13], prefix=2)
    samples = samples_of(episode("e", [first, second, third]), index=0, first_flat=0)
    assert [s.token_ids for s in samples] == [(1, 2, 10, 11, 20, 12), (1, 2, 12, 21, 13)]
    assert samples[0].trained == (False, False, True, False, False, True)
    assert [s.flat for s in samples] == [(0, 1), (2,)]


def test_one_token_of_difference_prevents_merging() -> None:
    first = turn(0, [1, 2], [10, 11], prefix=2)
    second = turn(1, [1, 2, 10, 99, 20], [12], prefix=2)
    assert len(samples_of(episode("e", [first, second]), index=0, first_flat=0)) == 2


def test_a_context_without_sampled_tokens_is_no_sample() -> None:
    forced = turn(0, [1, 2], [10], prefix=2, sampled=[False])
    written = turn(1, [1, 3], [11], prefix=1)
    whole = episode("e", [forced, written])
    samples = samples_of(whole, index=0, first_flat=5)
    assert [(s.token_ids, s.flat) for s in samples] == [((1, 3, 11), (5,))]
    assert sampled_count(whole) == 1


def test_a_failed_episode_is_refused() -> None:
    with pytest.raises(DataError, match="episode e failed"):
        samples_of(failed("e"), index=0, first_flat=0)


def test_a_token_with_nothing_in_front_is_refused() -> None:
    with pytest.raises(DataError, match="empty prompt"):
        samples_of(episode("e", [turn(0, [], [10], prefix=0)]), index=0, first_flat=0)
