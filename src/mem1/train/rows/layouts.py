"""How far other ways of laying an episode into a training row are from what the policy saw. Only to measure.

The *stitched* view (the released MEM1 code, MIT-MI/MEM1 at train/rollout/llm_agent/attn_mask_utils.py) writes
all turns one after another into a single row, P + completion 1 + observation 1 + completion 2 + ..., gives it a two-
dimensional attention mask and lets positions run on. Three variants are compared with this package's rows:

``as shipped``  the mask's zeros and ones are *added* to the scores, so that it hides nothing, not even the future;
``inverted``    the same mask hides what it marks, but a state does not see the one before it, and observations see
                nothing but themselves;
``repaired``    a turn sees P, the turn before it and itself, an observation P and its own turn. What remains wrong is
                that kept tokens carry traces of dropped ones, and that positions run on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from mem1.errors import DataError
from mem1.inference.hf.runners.trial import allowed_gap, takes
from mem1.train.policy.exactness import training_view
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Variant = Literal["as shipped", "inverted", "repaired"]
_PROMPT, _STATE, _ACTION, _OBSERVATION = range(4)


@dataclass(frozen=True, slots=True)
class ViewRow:
    """One line of the comparison, over all sampled tokens of the episodes.

    ``mean_abs_diff``: mean of |log p(view) - log p(rollout)| in nats. ``share_outside_clip``: share of the tokens whose
    probability ratio leaves the clip range although no update has been made. Both are ``None`` for a view that the
    model cannot be shown; ``left_out`` says why.
    """

    view: str
    mean_abs_diff: float | None
    share_outside_clip: float | None
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class StitchedRow:
    """One episode in one row of ``S`` tokens.

    ``token_ids``, ``kind`` (prompt, state, action, observation: 0 to 3), ``turn``: int64 [S]. ``source``, ``target``:
    int64 [T] for the ``T`` sampled tokens in time order, as in ``PackedRow``.
    """

    token_ids: Tensor
    kind: Tensor
    turn: Tensor
    source: Tensor
    target: Tensor


@torch.no_grad()
def compare_views(
    model: PreTrainedModel, episodes: Sequence[Episode], *, clip: float = 0.2, capacity: int = 4096
) -> list[ViewRow]:
    """Compare each view's log-probabilities with those recorded in the rollout.

    The episodes must have been sampled from ``model`` as it is. Where a context is not P, the last completion and an
    observation (an edited page), the stitched views are left out and say so.

    Args:
        model: The policy. It is left in the mode it is in.
        episodes: None of them failed.
        clip: The range is [1 - clip, 1 + clip].
        capacity: Tokens in a row of this package's own view.

    Raises:
        DataError: Nothing was sampled.
    """
    batch = make_batch(episodes, capacity=capacity, view=training_view(model))
    labels: dict[str, Variant] = {
        "stitched, released mask as shipped (added to the scores)": "as shipped",
        "stitched, released mask inverted": "inverted",
        "stitched, mask repaired, positions running on": "repaired",
    }
    try:
        stitched = [stitch(episode) for episode in episodes if sampled_count(episode)]
    except DataError as error:  # a memory that puts back what was not written (an edited page): no row is all of it
        rows = [ViewRow(label, None, None, left_out=error.what) for label in labels]
    else:
        rows = [
            _stitched_view(model, label, stitched, variant, batch.rollout_logprobs, clip)
            for label, variant in labels.items()
        ]
    policy, ours = Policy(model), torch.empty(batch.size)
    for row in batch.rows:
        ours[row.flat] = policy.evaluate(row).logprobs.cpu()
    return [*rows, _compare("one segment per turn, positions as in the rollout", ours, batch.rollout_logprobs, clip)]


def _stitched_view(
    model: PreTrainedModel, label: str, rows: Sequence[StitchedRow], variant: Variant, rollout: Tensor, clip: float
) -> ViewRow:
    reason = why_no_mask(model)
    if reason is not None:
        return ViewRow(label, None, None, left_out=reason)
    try:
        logprobs = torch.cat([stitched_logprobs(model, row, variant) for row in rows])
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        longest = max(len(row.token_ids) for row in rows)
        reason = f"the model fails on a row of {longest} tokens: {type(error).__name__}: {error}".splitlines()[0]
        return ViewRow(label, None, None, left_out=reason)
    if not bool(logprobs.isfinite().all()):
        return ViewRow(label, None, None, left_out="the model gives log-probabilities that are not finite numbers")
    return _compare(label, logprobs, rollout, clip)


@torch.no_grad()
def why_no_mask(model: PreTrainedModel) -> str | None:
    """Why a stitched row cannot be shown to ``model``; ``None`` if it does what a two-dimensional mask says.

    Tried with a few tokens laid down twice, each copy hidden from the other and counted from 0: both must get the
    log-probabilities of the tokens alone. Layers that carry a state, and positions that follow from a mask, do not.
    """
    if not takes(model, "position_ids"):
        return f"the forward of {type(model).__name__} takes no position_ids: a row cannot tell it positions"
    device, size = model.device, 8
    ids = torch.randint(model.config.get_text_config().vocab_size, (size,), generator=torch.Generator().manual_seed(0))
    order = torch.arange(2 * size)
    sees = (order[:, None] // size == order[None, :] // size) & (order[:, None] >= order[None, :])
    mask = torch.zeros(sees.shape).masked_fill_(~sees, -torch.inf).to(device, model.dtype)[None, None]
    try:
        alone = model(input_ids=ids.to(device)[None], use_cache=False).logits[0]
        twice = model(
            input_ids=ids.repeat(2).to(device)[None],
            attention_mask=mask,
            position_ids=torch.arange(size, device=device).repeat(2)[None],
            use_cache=False,
        ).logits[0]
    except Exception as error:
        return f"{type(model).__name__} takes no two-dimensional mask: {type(error).__name__}: {error}".splitlines()[0]
    gap = (twice.float().log_softmax(-1) - alone.float().log_softmax(-1).repeat(2, 1)).abs()
    allowed, kind = allowed_gap(model)
    if not bool((gap.max() if kind == "largest" else gap.mean()) <= allowed):
        return (
            f"{type(model).__name__} does not do what a two-dimensional mask says: its layers carry more than it hides"
        )
    return None


def stitch(episode: Episode) -> StitchedRow:
    """Write all turns of ``episode`` behind one another, each token once."""
    first = episode.turns[0]
    ids = list(first.prompt_token_ids)
    kind = [_PROMPT] * first.prefix_length + [_OBSERVATION] * (len(ids) - first.prefix_length)
    place = [-1] * len(ids)
    source: list[int] = []
    for index, turn in enumerate(episode.turns):
        if index:
            written = episode.turns[index - 1].completion_token_ids
            carried = turn.prompt_token_ids[turn.prefix_length :]
            if carried[: len(written)] != written or turn.prefix_length != first.prefix_length:
                raise DataError(
                    f"the context of turn {index} is not the prompt, the last completion and an observation",
                    where=f"episode {episode.id}",
                    hint="the stitched view can be measured for `state` memory that carries whole turns only",
                )
            observation = carried[len(written) :]
            ids += observation
            kind += [_OBSERVATION] * len(observation)
            place += [index - 1] * len(observation)
        source += [len(ids) + step - 1 for step, sampled in enumerate(turn.sampled_mask) if sampled]
        ids += turn.completion_token_ids
        kind += [_STATE] * turn.state_length + [_ACTION] * (len(turn.completion_token_ids) - turn.state_length)
        place += [index] * len(turn.completion_token_ids)
    tokens, where = torch.tensor(ids), torch.tensor(source, dtype=torch.long)
    return StitchedRow(tokens, torch.tensor(kind), torch.tensor(place), where, tokens[where + 1])


def stitched_mask(row: StitchedRow, variant: Variant) -> Tensor:
    """What a variant adds to the attention scores: float32 [S, S], 0 or -inf, except 0 or 1 where shipped."""
    kind, turn = row.kind[:, None], row.turn[:, None]
    other, before = row.kind[None, :], row.turn[None, :]
    writes = (kind == _STATE) | (kind == _ACTION)
    last = before == turn - 1
    if variant == "repaired":
        sees = (other == _PROMPT) | (before == turn) | (writes & last)
    else:
        sees = (kind == other) & (turn == before)
        sees |= writes & ((other == _PROMPT) | (last & ((other == _ACTION) | (other == _OBSERVATION))))
        sees |= (kind == _ACTION) & (other == _STATE) & (turn == before)
    sees = sees.tril()
    if variant == "as shipped":
        return sees.float()
    return torch.zeros(sees.shape).masked_fill_(~sees, -torch.inf)


def stitched_logprobs(model: PreTrainedModel, row: StitchedRow, variant: Variant) -> Tensor:
    """Log-probabilities of the row's sampled tokens in nats, float32 [T], on the CPU; differentiable."""
    device = next(model.parameters()).device
    output = model(
        input_ids=row.token_ids.to(device)[None],
        attention_mask=stitched_mask(row, variant).to(device, model.dtype)[None, None],
        position_ids=torch.arange(len(row.token_ids), device=device)[None],
        use_cache=False,
        **({"logits_to_keep": row.source.to(device)} if takes(model, "logits_to_keep") else {}),
    )
    logits = output.logits[0]
    logits = logits if len(logits) == len(row.source) else logits[row.source.to(device)]
    logprobs = logits.float().log_softmax(dim=-1)
    chosen: Tensor = logprobs.gather(-1, row.target.to(device)[:, None])[:, 0]
    return chosen.cpu()


def _compare(view: str, logprobs: Tensor, rollout: Tensor, clip: float) -> ViewRow:
    difference = logprobs - rollout
    outside = (difference.exp() - 1).abs() > clip
    return ViewRow(view, difference.abs().mean().item(), outside.float().mean().item())
