"""A policy in training: packed rows in, log-probabilities (entropies, values) of sampled tokens out."""

from __future__ import annotations

import copy
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
from torch import nn

from mem1.errors import InexactError
from mem1.inference.hf.lengths import rotary_limit
from mem1.train.policy.adapters import adapter_off, is_adapted
from mem1.train.policy.checkpointing import checkpointed
from mem1.train.policy.exactness import check_exact
from mem1.train.policy.forward import TokenOutputs, evaluate_row
from mem1.train.policy.head import check_head
from mem1.train.rows.packing import PackedRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Policy(nn.Module):
    """A Hugging Face causal language model, with a value head if there is a critic.

    The model object may be shared with an engine. Packed rows make it use ``attention.NAME`` from
    then on, which is ordinary attention wherever no tree is passed.

    Args:
        model: Any causal language model; packed rows need one that ``check_exact`` accepts.
        value_head: Maps the last hidden states [T, hidden] to [T] or [T, 1].
        autocast: Compute in bfloat16 where torch's autocast deems it safe; the outputs stay float32.
        temperature: The policy is the model with its logits divided by it: what is sampled at that temperature.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        value_head: nn.Module | None = None,
        *,
        autocast: bool = False,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.model = model
        self.value_head = value_head
        self.autocast = autocast
        self.temperature = temperature
        self.checkpointing = False  # whether activations are computed again instead of being kept
        self.logit_chunk = 0  # tokens whose logits exist at a time; 0: all of a row's
        self._checked = False
        self._limit = rotary_limit(model.config)

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
            InexactError: The row is packed and the model would not reproduce the reference on it, or a context is so
                long that the model's rotary frequencies change under it.
            ValueError: Values are asked for and there is no value head.
        """
        if need_values and self.value_head is None:
            raise ValueError("need_values without a value head: pass one to Policy")
        if not row.linear:
            self.ensure_exact()
        if self._limit is not None and int(row.positions.max()) >= self._limit:
            raise InexactError(
                f"a context of {int(row.positions.max()) + 1} tokens is longer than the {self._limit} up to which "
                f"{type(self.model).__name__} keeps its rotary frequencies: what was written below them was written by "
                "another model",
                hint=f"keep contexts within {self._limit} tokens (engine.max_context, memory.budgets)",
            )
        return self._evaluate(row, need_entropy, need_values, entropy_gradient)

    def ensure_exact(self) -> None:
        """Check once that packed rows are exact for the model. Raises ``InexactError``."""
        if not self._checked:
            check_exact(self.model)
            self._checked = True

    def chunk_logits(self, chunk: int) -> None:
        """Let the logits of so many tokens exist at a time; 0: those of a whole row.

        Raises:
            ModelError: The model's head cannot be run by itself.
        """
        if chunk:
            check_head(self.model)
        self.logit_chunk = chunk

    def _evaluate(self, row: PackedRow, need_entropy: bool, need_values: bool, entropy_gradient: bool) -> TokenOutputs:
        again = self.checkpointing and torch.is_grad_enabled()
        with checkpointed(self.model) if again else nullcontext():
            return evaluate_row(
                self.model,
                row,
                entropy=need_entropy,
                entropy_gradient=entropy_gradient,
                value_head=self.value_head if need_values else None,
                autocast=self.autocast,
                temperature=self.temperature,
                logit_chunk=self.logit_chunk,
            )


class BasePolicy(Policy):
    """What an adapted policy was before its adapter learned anything: the same weights with the adapter off."""

    def _evaluate(self, row: PackedRow, need_entropy: bool, need_values: bool, entropy_gradient: bool) -> TokenOutputs:
        with adapter_off(self.model):
            return super()._evaluate(row, need_entropy, need_values, entropy_gradient)


def reference_of(policy: Policy) -> Policy:
    """A frozen policy that stays what ``policy`` is now; with an adapter, what it was without one, at no cost."""
    adapted = is_adapted(policy.model)
    kind, model = (BasePolicy, policy.model) if adapted else (Policy, copy.deepcopy(policy.model))
    reference = kind(model, autocast=policy.autocast, temperature=policy.temperature)
    reference.logit_chunk = policy.logit_chunk
    if not adapted:
        reference.requires_grad_(False)
    return reference
