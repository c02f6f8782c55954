"""Side calls among what the policy wrote, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mem1.train.rows.batch import make_batch
from mem1.train.rows.calls import without_side_calls, written
from mem1.train.rows.row import make_rows
from mem1.train.rows.samples import sampled_count, samples_of
from mem1.types import Episode, SideCall
from tests.unit.train.episodes import episode, turn


def side(before: int, prompt: Sequence[int], completion: Sequence[int], **keys: object) -> SideCall:
    """A side call that the policy answered; every token of the completion is sampled."""
    values = {
        "turn": before,
        "purpose": "summary",
        "prompt_token_ids": tuple(prompt),
        "prefix_length": 2,
        "completion_token_ids": tuple(completion),
        "logprobs": (-2.0,) * len(completion),
        "sampled_mask": (True,) * len(completion),
    }
    return SideCall.model_validate(values | keys)


def played(*calls: SideCall) -> Episode:
    """Two turns with rewritten contexts; tokens 10 11 and 12."""
    turns = [turn(0, [1, 2], [10, 11], prefix=2), turn(1, [1, 2, 30], [12], prefix=2)]
    return episode("e", turns).model_copy(update={"side_calls": calls})


def test_a_side_call_stands_before_its_turn_and_belongs_to_it() -> None:
    made = played(side(1, [1, 2, 40], [20, 21], policy_version=3))
    assert [(one.turn, one.completion_token_ids, one.policy_version) for one in written(made)] == [
        (0, (10, 11), 0),
        (1, (20, 21), 3),
        (1, (12,), 0),
    ]
    assert sampled_count(made) == 5
    samples = samples_of(made, index=0, first_flat=0)
    assert [(one.token_ids, one.flat) for one in samples] == [
        ((1, 2, 10, 11), (0, 1)),
        ((1, 2, 40, 20, 21), (2, 3)),
        ((1, 2, 30, 12), (4,)),
    ]


def test_a_side_call_that_goes_on_from_a_turn_shares_its_sample() -> None:
    samples = samples_of(played(side(1, [1, 2, 10, 11, 41], [20])), index=0, first_flat=0)
    assert [(one.token_ids, one.flat) for one in samples] == [
        ((1, 2, 10, 11, 41, 20), (0, 1, 2)),
        ((1, 2, 30, 12), (3,)),
    ]


def test_its_tokens_are_in_batches_and_rows_with_its_turns_advantage() -> None:
    made = played(side(1, [1, 2, 40], [20, 21]))
    batch = make_batch([made], capacity=100)
    assert batch.turn_of.tolist() == [0, 0, 1, 1, 1]
    assert batch.rollout_logprobs.tolist() == [-0.5, -0.5, -2, -2, -0.5]
    assert batch.sequence_of.tolist() == [0, 0, 1, 1, 2]  # a completion of its own
    rows = make_rows([made], {"e": [1, 2, 3, 4, 5]}, normalisation="token")
    assert [row.advantages for row in rows] == [(0, 0, 1, 2), (0, 0, 0, 3, 4), (0, 0, 0, 5)]
    assert [row.rollout_logprobs for row in rows][1] == (0, 0, 0, -2, -2)
    assert {row.weight for row in rows} == {1 / 5}


def test_a_side_call_that_no_turn_followed_belongs_to_the_last() -> None:
    assert [one.turn for one in written(played(side(2, [1, 2, 40], [20])))] == [0, 1, 1]


def test_what_another_engine_wrote_is_not_trained_on() -> None:
    other = side(1, [1, 2, 40], [20], by_policy=False, logprobs=(), sampled_mask=())
    assert sampled_count(played(other)) == 3
    with pytest.raises(ValueError, match="another engine"):
        side(1, [1, 2, 40], [20], by_policy=False)


def test_side_calls_can_be_left_out() -> None:
    made = played(side(1, [1, 2, 40], [20, 21]))
    bare = without_side_calls(made)
    assert sampled_count(bare) == 3
    assert [call.completion_token_ids for call in bare.side_calls] == [(20, 21)]  # still counted
    assert samples_of(bare, index=0, first_flat=0) == samples_of(played(), index=0, first_flat=0)
