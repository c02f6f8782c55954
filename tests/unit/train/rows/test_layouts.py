"""The stitched view, by hand on one small episode, and the order in which the views go wrong."""

from __future__ import annotations

import pytest
import torch
from transformers import PreTrainedModel

from mem1.errors import DataError
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.train.rows.layouts import compare_views, stitch, stitched_mask
from mem1.types import Episode
from tests.unit.inference.hf_models import EXACT, WINDOWED, build
from tests.unit.train.episodes import episode, turn


def small() -> Episode:
    """P = 1; turn 0 writes state 2, action 3 and sees 4; turn 1 writes state 5 (forced), action 6."""
    first = turn(0, [1], [2, 3], prefix=1).model_copy(update={"state_length": 1})
    second = turn(1, [1, 2, 3, 4], [5, 6], prefix=1, sampled=[False, True]).model_copy(update={"state_length": 1})
    return episode("e", [first, second])


def test_every_token_is_laid_down_once_in_order() -> None:
    row = stitch(small())
    assert row.token_ids.tolist() == [1, 2, 3, 4, 5, 6]
    assert row.kind.tolist() == [0, 1, 2, 3, 1, 2]
    assert row.turn.tolist() == [-1, 0, 0, 0, 1, 1]
    assert row.source.tolist() == [0, 1, 4]
    assert row.target.tolist() == [2, 3, 6]


def test_the_released_mask() -> None:
    row = stitch(small())
    shipped = stitched_mask(row, "as shipped")
    assert shipped.int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 0, 0],  # an observation sees nothing but itself
        [1, 0, 1, 1, 1, 0],  # a state does not see the one before it
        [1, 0, 1, 1, 1, 1],
    ]
    inverted = stitched_mask(row, "inverted")
    assert torch.equal(inverted == 0, shipped.bool())
    assert torch.equal(inverted == -torch.inf, ~shipped.bool())


def test_the_repaired_mask() -> None:
    third = turn(2, [1, 5, 6, 7], [8], prefix=1).model_copy(update={"state_length": 1})
    row = stitch(episode("e", [*small().turns, third]))
    assert row.token_ids.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert (stitched_mask(row, "repaired") == 0).int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 1, 1, 1, 0, 0, 0],
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 0, 0, 0, 1, 1, 1, 0],
        [1, 0, 0, 0, 1, 1, 1, 1],
    ]


def test_contexts_that_carry_something_else_are_refused() -> None:
    turns = [turn(0, [1], [2, 3], prefix=1), turn(1, [1, 3, 4], [5], prefix=1)]
    with pytest.raises(DataError, match="context of turn 1"):
        stitch(episode("e", turns))


def with_logprobs(episode: Episode, policy: Policy) -> Episode:
    """The episode as if its tokens had been sampled from ``policy``."""
    batch = make_batch([episode], capacity=1, view="reference")
    values = torch.empty(batch.size)
    with torch.no_grad():
        for row in batch.rows:
            values[row.flat] = policy.evaluate(row).logprobs
    rest = iter(values.tolist())
    turns = [
        turn.model_copy(update={"logprobs": tuple(next(rest) if kept else 0.0 for kept in turn.sampled_mask)})
        for turn in episode.turns
    ]
    return episode.model_copy(update={"turns": tuple(turns)})


def rewritten(model: PreTrainedModel) -> Episode:
    """Six turns that each carry the whole turn before."""
    generator = torch.Generator().manual_seed(0)

    def words(count: int) -> list[int]:
        return [int(token) for token in torch.randint(20, 200, (count,), generator=generator)]

    prompt, carried, turns = words(20), list[int](), []
    for index in range(6):
        completion = words(12)
        written = turn(index, [*prompt, *carried], completion, prefix=len(prompt))
        turns.append(written.model_copy(update={"state_length": 8}))
        carried = [*completion, *words(10)]
    return with_logprobs(episode("e", turns), Policy(model))


def test_only_one_segment_per_turn_is_what_the_policy_saw() -> None:
    model = build(EXACT["llama"])
    whole = rewritten(model)
    shipped, inverted, repaired, ours = compare_views(model, [whole, whole])
    assert ours.mean_abs_diff < 1e-5
    assert ours.share_outside_clip == 0
    assert all(row.mean_abs_diff > 0.1 and row.share_outside_clip > 0.1 for row in (shipped, inverted, repaired))
    # turns 0 and 1 are one context, which the repaired mask shows whole and at the right positions
    assert repaired.mean_abs_diff < min(shipped.mean_abs_diff, inverted.mean_abs_diff)
    assert repaired.share_outside_clip <= 4 / 6


def test_a_model_with_a_window_is_compared_one_context_a_row() -> None:
    model = build(WINDOWED["mistral"])
    assert compare_views(model, [rewritten(model)])[-1].mean_abs_diff < 1e-5
