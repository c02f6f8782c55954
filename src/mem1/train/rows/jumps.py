"""Rows whose positions jump: an exercise for models that are to find things at distances they were not taught at."""

from __future__ import annotations

import random
from dataclasses import replace

import torch
from torch import Tensor

from mem1.train.rows.packing import PackedRow

_TAKEN = 0.5  # of the places where positions may jump


def jumped(row: PackedRow, places: Tensor, *, share: float, most: int, rng: random.Random) -> PackedRow:
    """``row`` with gaps between positions in a ``share`` of its trees.

    In front of each token of ``places`` that is in such a tree there is a gap of 1 to ``most`` positions, drawn evenly
    on a scale of logarithms, half the time. Who attends to whom, and everything else, stays. A sample sees the same
    gaps in its context wherever its context is shared; a row of one sample stays as it is.

    Args:
        row: Laid out depth first.
        places: bool [vocabulary], the tokens in front of which positions may jump.
        share: Probability of a tree, which is a task's prompt with all that follows it.
        most: The largest gap.
        rng: What decides.
    """
    if row.linear or not share:
        return row
    parent = row.parent.tolist()
    lengths = torch.bincount(row.node_of, minlength=len(parent)).tolist()
    chosen: list[bool] = []
    for above in parent:
        chosen.append(rng.random() < share if above < 0 else chosen[above])
    may = (places[row.token_ids] & torch.tensor(chosen)[row.node_of]).tolist()
    gaps = [round(most ** rng.random()) if jumps and rng.random() < _TAKEN else 0 for jumps in may]
    summed = torch.tensor(gaps).cumsum(0)
    moved, start = row.positions.clone(), 0
    ends: list[int] = []
    for above, length in zip(parent, lengths, strict=True):
        stop = start + length
        before = int(summed[start - 1]) if start else 0
        carried = (ends[above] if above >= 0 else 0) - before
        moved[start:stop] += summed[start:stop] + carried
        ends.append(int(summed[stop - 1]) + carried)
        start = stop
    return replace(row, positions=moved)
