"""Episodes to tensors: the flat layout of their sampled tokens, and the rows that evaluate them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

import torch
from torch import Tensor

from mem1.errors import DataError
from mem1.train.rows.calls import written
from mem1.train.rows.packing import PackedRow, pack
from mem1.train.rows.row import Row, trained_values
from mem1.train.rows.samples import Sample, sampled_count, samples_of
from mem1.types import Episode

View = Literal["packed", "reference"]
"""``reference``: one sample per row, plain causal attention. ``packed``: the same numbers, faster."""


@dataclass(frozen=True, slots=True)
class Batch:
    """``E`` episodes with ``N`` sampled tokens in flat layout (see ``samples``), on the CPU.

    ``starts``: int64 [E + 1], episode ``e`` owns the flat tokens ``starts[e]:starts[e + 1]``.
    ``episode_of``, ``turn_of``: int64 [N], indices of the episode and of the turn in it (a side call's tokens belong
    to the turn that it was made for). ``call_of``: int64 [N], index of the completion; ``None``: that is the turn's.
    ``rollout_logprobs``: float32 [N], what the engine reported when it sampled, in nats.
    The rows together train each flat token exactly once.
    """

    episodes: tuple[Episode, ...]
    samples: tuple[Sample, ...]
    rows: tuple[PackedRow, ...]
    starts: Tensor
    episode_of: Tensor
    turn_of: Tensor
    rollout_logprobs: Tensor
    call_of: Tensor | None = None

    @property
    def size(self) -> int:
        """Number of sampled tokens, N."""
        return len(self.rollout_logprobs)

    @property
    def sequence_of(self) -> Tensor:
        """int64 [N], the same number for the tokens of one completion."""
        calls = self.turn_of if self.call_of is None else self.call_of
        return self.episode_of * (int(calls.max()) + 1) + calls


def make_batch(
    episodes: Sequence[Episode],
    *,
    capacity: int,
    share_prefix: bool = True,
    filled: bool = False,
    view: View = "packed",
) -> Batch:
    """Turn finished episodes into a batch.

    Args:
        episodes: None of them failed.
        capacity: Tokens a packed row may hold; a longer sample gets a row to itself.
        share_prefix: Whether a packed row lays shared prefixes down once.
        filled: Whether rows are filled up to the capacity where kernels are compiled for lengths.
        view: See ``View``. ``policy.training_view`` says which one a model allows.

    Raises:
        DataError: A failed episode, or no sampled token in any of them.
    """
    counts = [sampled_count(episode) for episode in episodes]
    starts = [0, *accumulate(counts)]
    if starts[-1] == 0:
        raise DataError(
            f"a batch of {len(episodes)} episodes holds no sampled token",
            hint="leave failed episodes out and check that the engine writes something",
        )
    samples = tuple(
        sample for index, episode in enumerate(episodes) for sample in samples_of(episode, index, starts[index])
    )
    turn_of: list[int] = []
    call_of: list[int] = []
    logprobs: list[float] = []
    for episode in episodes:
        for index, call in enumerate(written(episode)):
            kept = [value for value, sampled in zip(call.logprobs, call.sampled_mask, strict=True) if sampled]
            turn_of.extend([call.turn] * len(kept))
            call_of.extend([index] * len(kept))
            logprobs.extend(kept)
    return Batch(
        episodes=tuple(episodes),
        samples=samples,
        rows=_packed(samples, capacity, share_prefix, filled, view),
        starts=torch.tensor(starts),
        episode_of=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
        turn_of=torch.tensor(turn_of),
        rollout_logprobs=torch.tensor(logprobs, dtype=torch.float32),
        call_of=torch.tensor(call_of),
    )


def batch_of_rows(
    rows: Sequence[Row], *, capacity: int, share_prefix: bool = True, filled: bool = False, view: View = "packed"
) -> Batch:
    """The same from neutral rows, which know no turns: each counts as an episode of one.

    A row may hold several completions; ``sequence_of`` takes them for one.
    """
    counts = [sum(row.trained) for row in rows]
    starts = [0, *accumulate(counts)]
    samples = tuple(
        Sample(
            episode=k,
            group=row.group_id,
            token_ids=row.token_ids,
            prefix_length=0,
            trained=row.trained,
            flat=tuple(range(starts[k], starts[k + 1])),
        )
        for k, row in enumerate(rows)
    )
    return Batch(
        episodes=(),
        samples=samples,
        rows=_packed(samples, capacity, share_prefix, filled, view),
        starts=torch.tensor(starts),
        episode_of=torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts)),
        turn_of=torch.zeros(starts[-1], dtype=torch.long),
        rollout_logprobs=torch.tensor(trained_values(rows, [row.rollout_logprobs for row in rows])),
    )


def _packed(
    samples: Sequence[Sample], capacity: int, share_prefix: bool, filled: bool, view: View
) -> tuple[PackedRow, ...]:
    if view == "reference":
        return tuple(row for sample in samples for row in pack([sample], capacity=sample.length))
    rows = pack(samples, capacity=capacity, share_prefix=share_prefix)
    return tuple(replace(row, filled=capacity) for row in rows) if filled else rows
