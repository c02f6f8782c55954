"""Shared-prefix packing: samples as paths through a tree of token segments, several in one row.

Samples of an episode share the task prompt P, and so do all episodes of a group. A row lays every
shared prefix down once: it is a forest of *nodes* (runs of tokens), each attending to its ancestors
and causally to itself; positions continue from the parent. A sample is a path from a root, so every
token sees exactly what it saw when it was sampled, at the position it had then. Sharing depends on
token ids alone, never on who a sample belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mem1.train.rows.samples import Sample

MIN_SHARED = 16
"""Shared runs below this many tokens are laid down twice: a node costs more than they save."""

_Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PackedRow:
    """One row of ``S`` tokens that trains ``T`` tokens.

    ``token_ids``, ``positions``, ``node_of``: int64 [S]; the tokens of a node are contiguous, and
    nodes come depth first: behind a node lie its descendants, then the rest. ``parent``: int64 [nodes],
    -1 for a root. ``source``, ``target``, ``flat``: int64 [T]: the output at ``source`` predicts token
    ``target``, whose index in the flat layout is ``flat``.
    """

    token_ids: Tensor
    positions: Tensor
    node_of: Tensor
    parent: Tensor
    source: Tensor
    target: Tensor
    flat: Tensor
    filled: int = 0

    @property
    def length(self) -> int:
        """Tokens in the row."""
        return len(self.token_ids)

    @property
    def linear(self) -> bool:
        """Whether the row is one plain sequence: ordinary causal attention is right for it."""
        return len(self.parent) == 1


def attention_mask(row: PackedRow) -> Tensor:
    """Who attends to whom: bool [S, S], true where the query (first axis) sees the key."""
    order = torch.arange(row.length)
    related = ancestors(row.parent)[row.node_of][:, row.node_of]
    return related & (order[:, None] >= order[None, :])


def ancestors(parent: Tensor) -> Tensor:
    """Bool [nodes, nodes]: whether the second node is the first or one of its ancestors."""
    related = torch.eye(len(parent), dtype=torch.bool)
    for node, above in enumerate(parent.tolist()):
        if above >= 0:
            related[node] |= related[above]
    return related


def pack(
    samples: Sequence[Sample], *, capacity: int, share_prefix: bool = True, min_shared: int = MIN_SHARED
) -> tuple[PackedRow, ...]:
    """Lay samples into rows of at most ``capacity`` tokens.

    Samples of a group are kept together. A sample is never split; one longer than ``capacity`` gets
    a row to itself. With ``share_prefix`` false every sample is a node of its own.
    """
    first_seen = {sample.group: order for order, sample in reversed(list(enumerate(samples)))}
    forests: list[_Forest] = []
    for sample in sorted(samples, key=lambda s: first_seen[s.group]):
        ids = np.asarray(sample.token_ids, dtype=np.int64)
        if forests:
            path = forests[-1].match(ids, sample.prefix_length) if share_prefix else _NOTHING
            if forests[-1].length + len(ids) - path.length <= capacity:
                forests[-1].add(sample, ids, path)
                continue
        forests.append(_Forest(min_shared))
        forests[-1].add(sample, ids, _NOTHING)
    return tuple(forest.row() for forest in forests)


@dataclass(eq=False, slots=True)
class _Node:
    ids: _Ids
    depth: int  # position of its first token
    members: list[int]  # samples whose path runs through it
    children: list[_Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Match:
    """How much of a sample is in a forest already: whole ``nodes``, the last one up to ``length``."""

    nodes: tuple[_Node, ...]
    length: int


_NOTHING = _Match((), 0)


class _Forest:
    """The nodes of one row while it is being filled."""

    def __init__(self, min_shared: int) -> None:
        self._min_shared = min_shared
        self._roots: list[_Node] = []
        self._samples: list[Sample] = []
        self.length = 0

    def match(self, ids: _Ids, prefix_length: int) -> _Match:
        """The longest shared path of ``ids`` that is worth sharing.

        A path ends at the task prompt's end rather than a few tokens beyond it, so that chance
        agreement of what follows does not break the prompt into small nodes.
        """
        nodes: list[_Node] = []
        length = 0
        children = self._roots
        while children and length < len(ids):
            shared, best = max(((_common(node.ids, ids[length:]), node) for node in children), key=lambda pair: pair[0])
            over = length + shared - prefix_length
            if shared < len(best.ids) and 0 < over < self._min_shared and length < prefix_length:
                shared -= over
            if shared < min(self._min_shared, len(best.ids)) or shared == 0:
                break
            nodes.append(best)
            length += shared
            if shared < len(best.ids):
                break
            children = best.children
        return _Match(tuple(nodes), length)

    def add(self, sample: Sample, ids: _Ids, path: _Match) -> None:
        """Lay ``sample`` down below ``path``."""
        member = len(self._samples)
        self._samples.append(sample)
        for node in path.nodes:
            if node.depth + len(node.ids) > path.length:
                _split(node, path.length - node.depth)
            node.members.append(member)
        if path.length < len(ids):
            siblings = path.nodes[-1].children if path.nodes else self._roots
            siblings.append(_Node(ids[path.length :], path.length, [member]))
            self.length += len(ids) - path.length

    def row(self) -> PackedRow:
        """The finished row: nodes depth first, so that a parent precedes its children."""
        token_ids: list[_Ids] = []
        positions: list[_Ids] = []
        parent: list[int] = []
        places: list[list[_Ids]] = [[] for _ in self._samples]  # row index of each token of a sample
        pending = [(root, -1) for root in reversed(self._roots)]
        start = 0
        while pending:
            node, above = pending.pop()
            pending.extend((child, len(parent)) for child in reversed(node.children))
            parent.append(above)
            token_ids.append(node.ids)
            positions.append(np.arange(node.depth, node.depth + len(node.ids)))
            where = np.arange(start, start + len(node.ids))
            for member in node.members:
                places[member].append(where)
            start += len(node.ids)
        source: list[_Ids] = []
        target: list[_Ids] = []
        for sample, place in zip(self._samples, places, strict=True):
            trained = np.flatnonzero(sample.trained)
            source.append(np.concatenate(place)[trained - 1])
            target.append(np.asarray(sample.token_ids, dtype=np.int64)[trained])
        flat = np.concatenate([np.asarray(sample.flat, dtype=np.int64) for sample in self._samples])
        return PackedRow(
            token_ids=torch.from_numpy(np.concatenate(token_ids)),
            positions=torch.from_numpy(np.concatenate(positions)),
            node_of=torch.from_numpy(np.repeat(np.arange(len(token_ids)), [len(ids) for ids in token_ids])),
            parent=torch.tensor(parent, dtype=torch.long),
            source=torch.from_numpy(np.concatenate(source)),
            target=torch.from_numpy(np.concatenate(target)),
            flat=torch.from_numpy(flat),
        )


def _split(node: _Node, at: int) -> None:
    """Cut ``node`` into its first ``at`` tokens and a child that holds the rest."""
    rest = _Node(node.ids[at:], node.depth + at, list(node.members), node.children)
    node.ids = node.ids[:at]
    node.children = [rest]


def _common(left: _Ids, right: _Ids) -> int:
    """Length of the longest common prefix."""
    length = min(len(left), len(right))
    if length == 0 or left[0] != right[0]:
        return 0
    different = np.flatnonzero(left[:length] != right[:length])
    return int(different[0]) if len(different) else length
