"""A minibatch as verl's engines take it, and back: ragged tensors, one row for each context.

All fields have the length of the row's tokens. What belongs to a trained token stands at its own place; an engine's
outputs stand one place earlier, where the token was predicted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor
from verl.utils import tensordict_utils as tu
from verl.utils.seqlen_balancing import get_seqlen_balanced_partitions

from mem1.train.rows.samples import Sample

FILLER = 2  # tokens of a row that only makes up the number


@dataclass(frozen=True, slots=True)
class Rows:
    """What is sent, and which sample each of its rows is (``None``: one that only makes up the number)."""

    data: TensorDict
    order: tuple[int | None, ...]


def rows_of(
    samples: Sequence[Sample],
    columns: Mapping[str, Tensor],
    *,
    processes: int,
    capacity: int,
    filler: int,
    **settings: Any,
) -> Rows:
    """The rows of ``samples``, shared out over ``processes`` by their lengths, as many to each.

    Args:
        samples: Each trained token is in exactly one of them.
        columns: [N] in the samples' flat layout, by the name of the field; 0 where nothing is trained. Rows that make
            up the number have nothing to train: ``loss_mask`` and all columns are 0 there.
        processes: A multiple of it is sent.
        capacity: Padded tokens of a micro-batch; a longer row has one to itself.
        filler: The token of rows that make up the number.
        settings: What is said to the engine beside the rows.
    """
    lengths = [sample.length for sample in samples]
    lengths += [FILLER] * (-len(lengths) % processes)
    parts = get_seqlen_balanced_partitions(lengths, k_partitions=processes, equal_size=True)
    order = tuple(index if index < len(samples) else None for part in parts for index in part)
    fields = {
        "input_ids": [_ids(samples, index, filler) for index in order],
        "position_ids": [torch.arange(FILLER if index is None else lengths[index]) for index in order],
        "loss_mask": [_mask(samples, index) for index in order],
    }
    for name, column in columns.items():
        fields[name] = [_column(samples, index, column) for index in order]
    data = TensorDict(
        {name: torch.nested.as_nested_tensor(rows, layout=torch.jagged) for name, rows in fields.items()},
        batch_size=[len(order)],
    )
    said = {"use_dynamic_bsz": True, "max_token_len_per_gpu": max(capacity, *lengths)}
    for name, value in (said | settings).items():
        tu.assign_non_tensor_data(data, name, value)
    return Rows(data, order)


def flat_of(rows: Rows, samples: Sequence[Sample], output: Tensor, size: int) -> Tensor:
    """What an engine says of each trained token, float32 [N] in flat layout, from its ``output`` for ``rows``."""
    flat = torch.zeros(size)
    for index, row in zip(rows.order, output.unbind(), strict=True):
        if index is not None:
            at = torch.tensor(samples[index].trained).nonzero().squeeze(1) - 1
            flat[torch.tensor(samples[index].flat)] = row.float().cpu()[at]
    return flat


def _ids(samples: Sequence[Sample], index: int | None, filler: int) -> Tensor:
    return torch.full((FILLER,), filler) if index is None else torch.tensor(samples[index].token_ids)


def _mask(samples: Sequence[Sample], index: int | None) -> Tensor:
    return torch.zeros(FILLER, dtype=torch.long) if index is None else torch.tensor(samples[index].trained).long()


def _column(samples: Sequence[Sample], index: int | None, column: Tensor) -> Tensor:
    if index is None:
        return torch.zeros(FILLER, dtype=column.dtype)
    placed = torch.zeros(samples[index].length, dtype=column.dtype)
    placed[torch.tensor(samples[index].trained)] = column[torch.tensor(samples[index].flat)]
    return placed
