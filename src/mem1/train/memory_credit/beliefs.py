"""Asking the policy: forward passes without gradient, packed like everything that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from mem1.train.config import RowsConfig
from mem1.train.memory_credit.config import Belief, Ids
from mem1.train.memory_credit.probes import Probe
from mem1.train.policy.policy import Policy
from mem1.train.prepare import score
from mem1.train.rows.batch import View, batch_of_rows
from mem1.train.rows.row import Row

Asked = tuple[Ids, Probe]


def beliefs(policy: Policy, asked: Sequence[Asked], rows: RowsConfig, view: View) -> dict[Asked, Belief]:
    """What ``policy`` holds of each probe's answers in its context, each pair evaluated once.

    Raises ``InexactError`` as ``Policy.evaluate`` does.
    """
    distinct = list(dict.fromkeys(one for one in asked if one[1].spans))
    if not distinct:
        return {}
    made = [_row(context, probe, name) for name, (context, probe) in enumerate(distinct)]
    scored = score(policy, batch_of_rows(made, **rows.model_dump(), view=view))
    assert scored.entropy is not None
    logprobs, entropies = scored.logprobs.tolist(), scored.entropy.tolist()
    ends = list(accumulate(sum(row.trained) for row in made))
    return {
        one: Belief(_means(one[1], logprobs[start:end]), _means(one[1], entropies[start:end]))
        for one, start, end in zip(distinct, [0, *ends], ends, strict=False)
    }


def _row(context: Ids, probe: Probe, name: int) -> Row:
    ids = context + probe.token_ids
    asked = [False] * len(ids)
    for start, end in probe.spans:
        asked[len(context) + start : len(context) + end] = [True] * (end - start)
    nothing = (0.0,) * len(ids)
    return Row(
        token_ids=ids,
        trained=tuple(asked),
        rollout_logprobs=nothing,
        advantages=nothing,
        weight=0.0,
        episode_id=str(name),
        group_id="",
        policy_version=0,
    )


def _means(probe: Probe, values: Sequence[float]) -> tuple[float, ...]:
    """The mean over each span's tokens."""
    found, place = [], 0
    for start, end in probe.spans:
        found.append(sum(values[place : place + end - start]) / (end - start))
        place += end - start
    return tuple(found)
