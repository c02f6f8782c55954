"""Rows as trees: small ones by hand, random ones by what must hold for all."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from mem1.train.rows.packing import PackedRow, attention_mask, pack
from mem1.train.rows.samples import Sample


def sample(ids: list[int], trained_from: int, flat: int, *, prefix: int = 0, group: str = "g") -> Sample:
    count = len(ids) - trained_from
    return Sample(
        episode=0,
        group=group,
        token_ids=tuple(ids),
        prefix_length=prefix,
        trained=(False,) * trained_from + (True,) * count,
        flat=tuple(range(flat, flat + count)),
    )


PROMPT = list(range(100, 120))


def test_a_shared_prompt_is_laid_down_once() -> None:
    samples = [sample([*PROMPT, 1, 2], 21, 0, prefix=20), sample([*PROMPT, 3, 4, 5], 22, 1, prefix=20)]
    (row,) = pack(samples, capacity=100)
    assert row.token_ids.tolist() == [*PROMPT, 1, 2, 3, 4, 5]
    assert row.positions.tolist() == [*range(20), 20, 21, 20, 21, 22]
    assert row.parent.tolist() == [-1, 0, 0]
    assert row.node_of.tolist() == [0] * 20 + [1] * 2 + [2] * 3
    assert row.source.tolist() == [20, 23]  # the tokens 1 and 4
    assert row.target.tolist() == [2, 5]
    assert row.flat.tolist() == [0, 1]


def test_the_first_token_after_a_shared_prompt_is_predicted_by_the_prompt() -> None:
    samples = [sample([*PROMPT, 1], 20, 0, prefix=20), sample([*PROMPT, 2], 20, 1, prefix=20)]
    (row,) = pack(samples, capacity=100)
    assert row.source.tolist() == [19, 19]
    assert row.target.tolist() == [1, 2]


def test_mask_of_a_small_tree() -> None:
    samples = [sample([7, 8, 1], 1, 0), sample([7, 8, 2], 2, 2)]
    (row,) = pack(samples, capacity=100, min_shared=1)
    assert row.token_ids.tolist() == [7, 8, 1, 2]
    assert attention_mask(row).int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 0, 1]]


def test_chance_agreement_behind_the_prompt_does_not_move_its_end() -> None:
    samples = [sample([*PROMPT, 1, 2, 3], 21, 0, prefix=20), sample([*PROMPT, 1, 2, 4], 21, 2, prefix=20)]
    (row,) = pack(samples, capacity=100)
    assert torch.bincount(row.node_of).tolist() == [20, 3, 3]


def test_short_or_unwanted_sharing_is_left_alone() -> None:
    samples = [sample([1, 2, 3], 1, 0), sample([1, 2, 4], 1, 2)]
    assert pack(samples, capacity=100)[0].parent.tolist() == [-1, -1]
    long = [sample([*PROMPT, 1], 20, 0, prefix=20), sample([*PROMPT, 2], 20, 1, prefix=20)]
    (row,) = pack(long, capacity=100, share_prefix=False)
    assert (row.parent.tolist(), row.length) == ([-1, -1], 42)


def test_capacity_counts_what_sharing_saves_and_never_splits_a_sample() -> None:
    samples = [sample([*PROMPT, i], 20, i, prefix=20) for i in range(5)]
    assert [row.length for row in pack(samples, capacity=22)] == [22, 22, 21]
    assert [row.length for row in pack(samples, capacity=10)] == [21] * 5


def test_groups_are_kept_together() -> None:
    samples = [sample([i, 50 + i], 1, i, group=group) for i, group in enumerate("abab")]
    (row,) = pack(samples, capacity=100)
    assert row.flat.tolist() == [0, 2, 1, 3]


def test_identical_samples_are_laid_down_once_and_trained_each() -> None:
    (row,) = pack([sample([*PROMPT, 1], 20, 0), sample([*PROMPT, 1], 20, 1)], capacity=100)
    assert row.length == 21
    assert row.source.tolist() == [19, 19]
    assert row.flat.tolist() == [0, 1]


@st.composite
def sample_lists(draw: st.DrawFn) -> list[Sample]:
    """Sequences over two tokens, so that they share prefixes of all lengths."""
    flat = 0
    samples = []
    for _ in range(draw(st.integers(1, 12))):
        ids = draw(st.lists(st.integers(0, 1), min_size=2, max_size=9))
        mask = [False, *draw(st.lists(st.booleans(), min_size=len(ids) - 1, max_size=len(ids) - 1))]
        count = sum(mask)
        samples.append(
            Sample(
                episode=0,
                group=draw(st.sampled_from("ab")),
                token_ids=tuple(ids),
                prefix_length=draw(st.integers(0, len(ids))),
                trained=tuple(mask),
                flat=tuple(range(flat, flat + count)),
            )
        )
        flat += count
    return samples


@given(sample_lists(), st.integers(1, 40), st.integers(1, 5), st.booleans())
def test_every_trained_token_sees_exactly_its_context(
    samples: list[Sample], capacity: int, min_shared: int, share: bool
) -> None:
    rows = pack(samples, capacity=capacity, share_prefix=share, min_shared=min_shared)
    longest = max(s.length for s in samples)
    assert all(row.length <= max(capacity, longest) for row in rows)
    expected = {
        flat: s.token_ids[: at + 1]
        for s in samples
        for flat, at in zip(s.flat, [i for i, kept in enumerate(s.trained) if kept], strict=True)
    }
    found = [pair for row in rows for pair in contexts(row)]
    assert len(found) == len(expected), "a token is trained on twice or not at all"
    assert dict(found) == expected
    if share:
        assert sum(row.length for row in rows) <= sum(s.length for s in samples)


def contexts(row: PackedRow) -> list[tuple[int, tuple[int, ...]]]:
    """For each trained token its flat index and the ids that it sees, in order of position, and itself."""
    mask = attention_mask(row)
    found = []
    for source, target, flat in zip(row.source.tolist(), row.target.tolist(), row.flat.tolist(), strict=True):
        seen = mask[source].nonzero()[:, 0]
        assert row.positions[seen].tolist() == list(range(len(seen)))
        found.append((flat, (*row.token_ids[seen].tolist(), target)))
    return found
