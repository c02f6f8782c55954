"""A model's head by itself: log-probabilities from hidden states, the logits of a few tokens at a time.

The logits of a row are its largest tensor where the vocabulary is large: tokens times vocabulary, once for the forward
pass and once for their gradient. Here those of a few tokens exist at a time: they are made, scored and dropped, and
made again when their gradient is asked for (``torch.utils.checkpoint``).

What lies between the last hidden state and the logits is the model's own ``forward``, whatever it does there (scaling,
soft-capping, a head of several layers, an adapter on it): its body is replaced by hidden states that are known already.
This happens in a shallow copy, so that a sampler which shares the model notices nothing.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mem1.errors import ModelError
from mem1.inference.hf.runners.trial import allowed_gap

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from transformers.utils.generic import ModelOutput

Scores = Callable[[Tensor, Tensor], tuple[Tensor, Tensor | None]]
"""From logits [t, V] and targets int64 [t] to log p of each and entropies (or ``None``), both [t]."""

_TRIED = 12  # tokens of the trial


def body_output(model: PreTrainedModel, **inputs: Any) -> ModelOutput:
    """What the body of ``model`` returns when ``model`` is called with ``inputs``; its head runs on one token only.

    ``last_hidden_state`` of it, [1, S, hidden], is what the head is given.
    """
    found: list[ModelOutput] = []
    body = _body_of(model)

    def observed(*args: Any, **kwargs: Any) -> ModelOutput:
        output: ModelOutput = body(*args, **kwargs)
        found.append(output)
        return type(output)(last_hidden_state=output["last_hidden_state"][:, :1])

    _with_body(model, observed)(**inputs)
    return found[0]


def logits_of(model: PreTrainedModel, output: type[ModelOutput], hidden: Tensor, *, autocast: bool = False) -> Tensor:
    """The logits [T, V] that ``model`` gives behind the last hidden states [T, H], returned by its body as ``output``.

    With ``autocast`` in bfloat16 where torch deems it safe.
    """
    shell = _with_body(model, lambda *args, **kwargs: output(last_hidden_state=hidden[None]))
    # Nobody reads the tokens; a model may look at how many there are.
    nothing = torch.zeros(1, len(hidden), dtype=torch.long, device=hidden.device)
    # Without the cache of weights in half precision: through it the gradients of all chunks would be summed in that.
    half = torch.autocast(hidden.device.type, torch.bfloat16, cache_enabled=False) if autocast else nullcontext()
    with half:
        logits: Tensor = shell(input_ids=nothing, use_cache=False).logits[0]
    return logits


def scores_in_chunks(
    head: Callable[[Tensor], Tensor], scores: Scores, hidden: Tensor, target: Tensor, chunk: int
) -> tuple[Tensor, Tensor | None]:
    """``scores(head(hidden), target)`` for ``chunk`` tokens at a time; their logits are not kept for the backward pass.

    Args:
        head: From hidden states [t, H] to logits [t, V]; nothing in it may mix tokens.
        scores: What is wanted of the logits.
        hidden: [T, H].
        target: int64 [T].
        chunk: Tokens whose logits exist at a time.
    """

    def one(states: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        return scores(head(states), tokens)

    again = torch.is_grad_enabled()
    # split rather than slices: its backward is one concatenation, not a full-length tensor a chunk
    pairs = zip(torch.split(hidden, chunk), torch.split(target, chunk), strict=True)
    found = [checkpoint(one, *pair, use_reentrant=False) if again else one(*pair) for pair in pairs]
    entropies = [entropy for _, entropy in found if entropy is not None]
    return torch.cat([logprobs for logprobs, _ in found]), torch.cat(entropies) if entropies else None


def check_head(model: PreTrainedModel) -> None:
    """Refuse a model whose head cannot be run by itself, or would give other logits so: it is tried on a few tokens.

    Raises:
        ModelError: Saying what is in the way.
    """
    reason = _obstacle(model)
    if reason is not None:
        raise ModelError(
            f"the logits of {type(model).__name__} cannot be computed in chunks: {reason}",
            where="train.logit_chunk",
            hint="leave it out, and lower train.rows.capacity where memory is short",
        )


@torch.no_grad()
def _obstacle(model: PreTrainedModel) -> str | None:
    size = model.config.get_text_config().vocab_size
    tokens = torch.randint(size, (1, _TRIED), generator=torch.Generator().manual_seed(0)).to(model.device)
    expected = model(input_ids=tokens, use_cache=False).logits[0].float().log_softmax(-1)
    try:
        output = body_output(model, input_ids=tokens, use_cache=False)
        hidden = output["last_hidden_state"][0]
        found = torch.cat([logits_of(model, type(output), part) for part in torch.split(hidden, _TRIED // 2 - 1)])
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return f"its head does not run without its body ({type(error).__name__}: {error})"
    gaps = (found.float().log_softmax(-1) - expected).abs()
    limit, kind = allowed_gap(model)
    gap = (gaps.max() if kind == "largest" else gaps.mean()).item()
    if not gap <= limit:
        return f"in a trial they were {gap:.2g} nats off ({kind}), more than {limit:g}"
    return None


class _Body(nn.Module):
    """Answers in the place of a model's body."""

    def __init__(self, answer: Callable[..., ModelOutput]) -> None:
        super().__init__()
        self._answer = answer

    def forward(self, *args: Any, **kwargs: Any) -> ModelOutput:
        """Whatever the model asks."""
        return self._answer(*args, **kwargs)


def _with_body(model: PreTrainedModel, answer: Callable[..., ModelOutput]) -> PreTrainedModel:
    """A shallow copy of ``model``, with its very parameters, whose body is ``answer``."""
    body = _body_of(model)
    name = next((name for name, part in model.named_children() if part is body), None)
    if name is None:
        raise ValueError(f"{type(body).__name__} is not a part that its forward calls")
    shell = copy.copy(model)
    shell._modules = {**model._modules, name: _Body(answer)}
    return shell


def _body_of(model: PreTrainedModel) -> nn.Module:
    """What ``model`` is without its head."""
    body: nn.Module = model.base_model
    if body is model:  # Llama 4 names as its base what it has no attribute for
        body = getattr(model, "model", model)
    return body
