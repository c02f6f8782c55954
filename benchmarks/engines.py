"""Processor seconds of one update on the same episodes: mem1's packed rows and its rows one by one.

    mem1 bench engines

A group of 8 episodes of 6 turns with the small policy's lengths (``packing.SHAPES``), random tokens, a small Llama in
float32: forward and backward of every row, the kinds in turns, the best round of each. Engines of other projects live
in environments of their own; what they took on the same episodes is in docs/scaling.md, with the ratio to mem1's rows
of the same run, for absolute times do not compare between environments.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from benchmarks.packing import CAPACITY, SHAPES, group, model
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import Batch, View, make_batch

TURNS = 6


def run(quick: bool) -> Mapping[str, float | str]:
    """Seconds of each kind, tokens that it computes, and the ratio."""
    (shape,) = (one for one in SHAPES if one.name == "small policy")
    policy, episodes = Policy(model(shape)), group(shape, turns=2 if quick else TURNS)
    views: tuple[View, View] = ("packed", "reference")
    batches = {view: make_batch(episodes, capacity=CAPACITY, view=view) for view in views}
    policy.ensure_exact()
    best = dict.fromkeys(views, float("inf"))
    for _ in range(1 if quick else 2):
        for view, batch in batches.items():
            best[view] = min(best[view], _seconds(policy, batch))
    return {
        "packed, processor seconds": best["packed"],
        "rows, processor seconds": best["reference"],
        "packed, tokens": float(sum(row.length for row in batches["packed"].rows)),
        "rows, tokens": float(sum(row.length for row in batches["reference"].rows)),
        "rows / packed": best["reference"] / best["packed"],
    }


def _seconds(policy: Policy, batch: Batch) -> float:
    policy.zero_grad()
    began = time.process_time()
    for row in batch.rows:
        torch.autograd.backward(policy.evaluate(row).logprobs.sum())
    return time.process_time() - began
