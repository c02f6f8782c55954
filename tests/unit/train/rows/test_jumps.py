"""Gaps between positions, by hand."""

from __future__ import annotations

import random

import torch

from mem1.train.rows.jumps import jumped
from mem1.train.rows.packing import PackedRow

NUMBER, WORD = 7, 3


def tree(*nodes: tuple[int, int, list[int]]) -> PackedRow:
    """A row of nodes (parent, position of the first token, tokens), depth first."""
    return PackedRow(
        token_ids=torch.tensor([one for _, _, ids in nodes for one in ids]),
        positions=torch.tensor([depth + k for _, depth, ids in nodes for k in range(len(ids))]),
        node_of=torch.tensor([index for index, (_, _, ids) in enumerate(nodes) for _ in ids]),
        parent=torch.tensor([above for above, _, _ in nodes]),
        source=torch.tensor([0]),
        target=torch.tensor([WORD]),
        flat=torch.tensor([0]),
    )


ROW = tree(
    (-1, 0, [WORD, NUMBER, WORD]),
    (0, 3, [WORD, NUMBER]),
    (1, 5, [WORD]),
    (0, 3, [NUMBER, WORD]),
    (-1, 0, [NUMBER]),
)
PLACES = torch.arange(10) == NUMBER


class Always(random.Random):
    """Every coin falls so that positions jump, by the largest gap."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0

    def random(self) -> float:
        self._next += 1
        # Two trees are chosen first; then in turn: whether there is a gap, and how large it is.
        return 0.0 if self._next <= 2 or self._next % 2 else 1.0


def test_a_gap_moves_what_follows_on_every_path_below_it() -> None:
    row = jumped(ROW, PLACES, share=1.0, most=10, rng=Always())
    #                          root        its child    below  its second child   another tree
    assert row.positions.tolist() == [0, 11, 12, 13, 24, 25, 23, 24, 10]


def test_nothing_else_of_a_row_changes() -> None:
    row = jumped(ROW, PLACES, share=1.0, most=10, rng=Always())
    assert row.token_ids is ROW.token_ids
    assert row.parent is ROW.parent
    assert ROW.positions.tolist() == [0, 1, 2, 3, 4, 5, 3, 4, 0]


def test_positions_never_run_backwards_along_a_path() -> None:
    for seed in range(200):
        row = jumped(ROW, PLACES, share=0.7, most=50, rng=random.Random(seed))
        for path in ([0, 1, 2, 3, 4, 5], [0, 1, 2, 6, 7]):
            assert bool((row.positions[path].diff() >= 1).all())


def test_a_tree_that_is_not_chosen_keeps_its_positions() -> None:
    assert jumped(ROW, PLACES, share=0.0, most=10, rng=random.Random(0)) is ROW
    seen = {tuple(jumped(ROW, PLACES, share=0.5, most=10, rng=random.Random(k)).positions.tolist()) for k in range(50)}
    assert tuple(ROW.positions.tolist()) in seen
    assert len(seen) > 10


def test_a_row_of_one_sample_stays_as_it_is() -> None:
    row = tree((-1, 0, [NUMBER, NUMBER]))
    assert jumped(row, PLACES, share=1.0, most=10, rng=random.Random(0)) is row
