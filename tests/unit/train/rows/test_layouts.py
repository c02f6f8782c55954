"""The stitched view, by hand on one small episode, and the order in which the views go wrong."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedModel

from mem1.errors import DataError
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.train.rows.layouts import ViewRow, compare_views, stitch, stitched_mask
from mem1.types import Episode
from tests.semantics.families import family
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


def numbers(row: ViewRow) -> tuple[float, float]:
    assert row.mean_abs_diff is not None
    assert row.share_outside_clip is not None
    assert row.left_out is None
    return row.mean_abs_diff, row.share_outside_clip


def test_only_one_segment_per_turn_is_what_the_policy_saw() -> None:
    model = build(EXACT["llama"])
    whole = rewritten(model)
    shipped, inverted, repaired, ours = (numbers(row) for row in compare_views(model, [whole, whole]))
    assert ours[0] < 1e-5
    assert ours[1] == 0
    assert all(difference > 0.1 and share > 0.1 for difference, share in (shipped, inverted, repaired))
    # turns 0 and 1 are one context, which the repaired mask shows whole and at the right positions
    assert repaired[0] < min(shipped[0], inverted[0])
    assert repaired[1] <= 4 / 6


def test_a_model_with_a_window_is_compared_one_context_a_row() -> None:
    model = build(WINDOWED["mistral"])
    assert numbers(compare_views(model, [rewritten(model)])[-1])[0] < 1e-5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bloom", "takes no position_ids"),
        ("mamba", "takes no position_ids"),
        ("rwkv", "takes no position_ids"),
        ("falcon alibi", "takes no two-dimensional mask"),
        ("jamba", "does not do what a two-dimensional mask says"),
        ("recurrent gemma", "does not do what a two-dimensional mask says"),
    ],
)
def test_a_view_that_a_model_cannot_be_shown_is_left_out_with_the_reason(name: str, words: str) -> None:
    model = family(name)
    *stitched, ours = compare_views(model, [rewritten(model)])
    assert [row.mean_abs_diff for row in stitched] == [None] * 3
    assert all(words in str(row.left_out) for row in stitched)
    assert numbers(ours)[0] < 1e-4


def test_a_row_longer_than_learned_positions_is_left_out() -> None:
    config = GPT2Config(vocab_size=280, n_embd=32, n_layer=2, n_head=4, n_positions=80)
    model = build(lambda: GPT2LMHeadModel(config))
    *stitched, ours = compare_views(model, [rewritten(model)])
    assert all("fails on a row of" in str(row.left_out) for row in stitched)
    assert numbers(ours)[0] < 1e-5


def test_an_edited_page_has_no_stitched_view_and_says_so() -> None:
    model = family("llama")
    written = rewritten(model)
    second = written.turns[1]
    kept = second.prompt_token_ids[: second.prefix_length] + second.prompt_token_ids[second.prefix_length + 1 :]
    edited = second.model_copy(update={"prompt_token_ids": kept})
    episode = written.model_copy(update={"turns": (written.turns[0], edited, *written.turns[2:])})
    *stitched, ours = compare_views(model, [episode])
    assert all("not the prompt, the last completion" in str(row.left_out) for row in stitched)
    assert ours.left_out is None
