"""A policy in training: packed rows in, log-probabilities (entropies, values) of sampled tokens out."""

from __future__ import annotations

import copy
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mem1.errors import InexactError
from mem1.train.policy import attention
from mem1.train.policy.adapters import adapter_off, is_adapted
from mem1.train.policy.token_scores import token_scores
from mem1.train.rows.batch import View
from mem1.train.rows.packing import PackedRow, pack
from mem1.train.rows.samples import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TokenOutputs:
    """Of each token a row trains, float32 [T], on the model's device; differentiable, ``entropy`` if asked for.

    ``logprobs``: log p(token | its context) in nats at temperature 1. ``entropy``: of the whole
    next-token distribution, in nats. ``values``: the value head's estimate before the token.
    """

    logprobs: Tensor
    entropy: Tensor | None = None
    values: Tensor | None = None


class Policy(nn.Module):
    """A Hugging Face causal language model, with a value head if there is a critic.

    The model object may be shared with an engine. Packed rows make it use ``attention.NAME`` from
    then on, which is ordinary attention wherever no tree is passed.

    Args:
        model: Any causal language model; packed rows need one that ``check_exact`` accepts.
        value_head: Maps the last hidden states [T, hidden] to [T] or [T, 1].
        autocast: Compute in bfloat16 where torch's autocast deems it safe; the outputs stay float32.
    """

    def __init__(self, model: PreTrainedModel, value_head: nn.Module | None = None, *, autocast: bool = False) -> None:
        super().__init__()
        self.model = model
        self.value_head = value_head
        self.autocast = autocast
        self._checked = False

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return next(self.model.parameters()).device

    def evaluate(
        self,
        row: PackedRow,
        *,
        need_entropy: bool = False,
        entropy_gradient: bool = False,
        need_values: bool = False,
    ) -> TokenOutputs:
        """Run the model over ``row`` once. The entropy carries a graph only with ``entropy_gradient``.

        Raises:
            InexactError: The row is packed and the model would not reproduce the reference on it.
            ValueError: Values are asked for and there is no value head.
        """
        if need_values and self.value_head is None:
            raise ValueError("need_values without a value head: pass one to Policy")
        if not row.linear:
            self.ensure_exact()
        return self._evaluate(row, need_entropy, need_values, entropy_gradient)

    def ensure_exact(self) -> None:
        """Check once that packed rows are exact for the model. Raises ``InexactError``."""
        if not self._checked:
            check_exact(self.model)
            self._checked = True

    def _evaluate(
        self, row: PackedRow, need_entropy: bool = False, need_values: bool = False, entropy_gradient: bool = False
    ) -> TokenOutputs:
        device = self.device
        with torch.autocast(device.type, torch.bfloat16) if self.autocast else nullcontext():
            output = self.model(
                input_ids=row.token_ids.to(device)[None],
                logits_to_keep=row.source.to(device),
                use_cache=False,
                output_hidden_states=need_values,
                **_attention_inputs(self.model, row, device),
            )
            values = None
            if need_values and self.value_head is not None:
                hidden = output.hidden_states[-1][0, row.source.to(device)]
                values = self.value_head(hidden).float().reshape(-1)
        logprobs, entropy = token_scores(
            output.logits[0], row.target.to(device), entropy=need_entropy, entropy_gradient=entropy_gradient
        )
        return TokenOutputs(logprobs=logprobs, entropy=entropy, values=values)


class BasePolicy(Policy):
    """What an adapted policy was before its adapter learned anything: the same weights with the adapter off."""

    def _evaluate(
        self, row: PackedRow, need_entropy: bool = False, need_values: bool = False, entropy_gradient: bool = False
    ) -> TokenOutputs:
        with adapter_off(self.model):
            return super()._evaluate(row, need_entropy, need_values, entropy_gradient)


def reference_of(policy: Policy) -> Policy:
    """A frozen policy that stays what ``policy`` is now; with an adapter, what it was without one, at no cost."""
    if is_adapted(policy.model):
        return BasePolicy(policy.model, autocast=policy.autocast)
    reference = Policy(copy.deepcopy(policy.model), autocast=policy.autocast)
    reference.requires_grad_(False)
    return reference


def _attention_inputs(model: PreTrainedModel, row: PackedRow, device: torch.device) -> dict[str, Any]:
    if row.linear:
        return {}
    attention.install(model)
    inputs: dict[str, Any] = {"position_ids": row.positions.to(device)[None]}
    if device.type == "cuda":
        return {**inputs, "attention_mask": attention.block_mask(row, device)}
    return {**inputs, "attention_mask": attention.tree_mask(attention.Tree.of(row), device)}


# ---------------------------------------------------------------- exactness


def training_view(model: PreTrainedModel) -> View:
    """``packed`` where that is exact for ``model``, else ``reference``, with a warning that says why."""
    try:
        check_exact(model)
    except InexactError as error:
        logger.warning("training falls back to one context per row: %s", error.what)
        return "reference"
    return "packed"


def check_exact(model: PreTrainedModel) -> None:
    """Refuse a model for which a packed row would not reproduce the reference.

    First by what the configuration and the modules say, then by trying: a small tree of random
    tokens must give the log-probabilities that its paths give one by one.

    Raises:
        InexactError: Saying which feature is in the way.
    """
    reason = _known_obstacle(model) or _tried(model)
    if reason:
        raise InexactError(
            f"packed rows would not be exact for {type(model).__name__}: {reason}",
            hint='use view="reference" (one context per row), or a model with full attention and rotary positions',
        )


def _known_obstacle(model: PreTrainedModel) -> str | None:
    config = model.config.get_text_config()
    kinds = sorted(set(getattr(config, "layer_types", None) or ()) - {"full_attention"})
    if kinds:
        return f"it has layers of type {', '.join(kinds)}"
    window = getattr(config, "sliding_window", None)
    if window is not None and getattr(config, "use_sliding_window", True) and not getattr(config, "layer_types", None):
        return f"its attention slides over the last {window} tokens"
    if getattr(config, "attention_chunk_size", None) is not None and not getattr(config, "layer_types", None):
        return f"its attention is cut into chunks of {config.attention_chunk_size} tokens"
    if (getattr(config, "rope_parameters", None) or {}).get("rope_type") in ("dynamic", "longrope"):
        return "its rotary positions depend on the longest sequence in the row"
    if getattr(model, "_is_stateful", False):
        return "its layers carry a state from token to token"
    if not model._can_set_attn_implementation():
        return "its attention cannot be exchanged (it does not use transformers' AttentionInterface)"
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.Embedding) and any(word in name.split(".")[-1] for word in ("wpe", "position")):
            return f"it learns absolute positions ({name})"
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.RNNBase)) or any(
            word in kind for word in ("Mamba", "Recurrent", "LinearAttention", "DeltaNet", "ShortConv")
        ):
            return f"{name} ({kind}) carries a state from token to token"
        if model.training and isinstance(module, nn.Dropout) and module.p > 0:
            return f"dropout is on in training mode ({name}, p = {module.p})"
    if model.training and getattr(config, "attention_dropout", None):
        return f"attention dropout is on in training mode (p = {config.attention_dropout})"
    return None


def _tried(model: PreTrainedModel) -> str | None:
    """Compare a tree of random tokens with its paths; ``None`` if they agree."""
    generator = torch.Generator().manual_seed(0)
    vocabulary = model.config.get_text_config().vocab_size
    ids = torch.randint(vocabulary, (24,), generator=generator).tolist()
    prefix, branches = ids[:9], (ids[9:14], ids[14:16] + ids[9:12], ids[16:24])
    samples = [
        Sample(
            episode=0,
            group="",
            token_ids=tuple(prefix + branch),
            prefix_length=len(prefix),
            trained=tuple([False] + [True] * (len(prefix + branch) - 1)),
            flat=tuple(range(len(prefix + branch) - 1)),
        )
        for branch in branches
    ]
    (row,) = pack(samples, capacity=1_000, min_shared=1)
    before = model.config._attn_implementation
    policy = Policy(model)
    try:
        with torch.no_grad():
            packed = policy._evaluate(row, False, False).logprobs
            reference = torch.cat(
                [policy._evaluate(pack([sample], capacity=1_000)[0], False, False).logprobs for sample in samples]
            )
    except Exception as error:
        model.set_attn_implementation(before)
        return f"a trial row failed: {type(error).__name__}: {error}"
    difference = (packed - reference).abs().max().item()
    allowed = 1e-3 if model.dtype is torch.float32 else 0.1
    if not difference <= allowed:
        model.set_attn_implementation(before)
        return f"in a trial its log-probabilities differed by {difference:.2g}, more than {allowed:g}"
    return None
