"""Which runner a model gets: the fastest one that is shown to be exact for it."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable

from transformers import PreTrainedModel

from mem1.errors import ModelError
from mem1.inference.hf.lengths import rotary_limit
from mem1.inference.hf.runners.base import Runner
from mem1.inference.hf.runners.batched import SlotRunner
from mem1.inference.hf.runners.single import PlainRunner, WholeRunner
from mem1.inference.hf.runners.trial import SHORT, affordable, fault

_log = logging.getLogger(__name__)

_RUNNERS: dict[str, Callable[[PreTrainedModel], Runner]] = {
    "many requests at a time": SlotRunner,
    "one request at a time": PlainRunner,
    "one request at a time, continued token by token": lambda model: PlainRunner(model, stepwise=True),
    "one request at a time, without a cache": WholeRunner,
}
"""From the fastest to the one that is right by definition."""

# What was found for an architecture in this process. Weights do not come into it.
_found: dict[tuple[object, ...], tuple[str, tuple[str, ...]]] = {}


def make_runner(model: PreTrainedModel, max_context: int, *, piece: int = 4096) -> Runner:
    """The fastest runner that is exact for ``model``; a warning says why it is not the fastest there is.

    Args:
        model: A causal LM.
        max_context: Tokens that a context may have.
        piece: Most prompt tokens that are laid down at once.

    Raises:
        ModelError: Nothing is exact, or the model's logits are not numbers.
    """
    training = model.training
    model.train(False)
    try:
        name, reasons = _search(model, max_context, piece)
    finally:
        model.train(training)
    if reasons:
        _log.warning("%s: sampling %s, because %s", type(model).__name__, name, "; ".join(reasons))
    return _RUNNERS[name](model)


def _search(model: PreTrainedModel, max_context: int, piece: int) -> tuple[str, tuple[str, ...]]:
    length = affordable(model, max_context)
    # An adapter's layers are not in the configuration.
    parts = sum(1 for _ in model.parameters())
    key = (
        type(model),
        model.config.to_json_string(),
        parts,
        model.dtype,
        model.device.type,
        max_context,
        length,
        piece,
    )
    if key in _found:
        return _found[key]
    reasons: list[str] = []
    for name in _RUNNERS:
        reason = why_plain(model, max_context) if name == next(iter(_RUNNERS)) else None
        reason = reason or _tried(_RUNNERS[name], model, length, piece)
        if reason is None:
            _found[key] = (name, tuple(reasons))
            return _found[key]
        reasons.append(reason)
    listed = "; ".join(f"{name}: {reason}" for name, reason in zip(_RUNNERS, reasons, strict=True))
    raise ModelError(
        f"{type(model).__name__} cannot be sampled from exactly ({listed})",
        hint="what it writes would not be what is scored and trained on: use another model, or another release of "
        "transformers",
    )


def _tried(make: Callable[[PreTrainedModel], Runner], model: PreTrainedModel, length: int, piece: int) -> str | None:
    try:
        runner = make(model)
    except ModelError as error:
        return error.what
    short = min(length, SHORT)
    return fault(runner, model, short, piece=piece, misled=True) or (
        fault(runner, model, length, piece=piece) if length > short or isinstance(runner, SlotRunner) else None
    )


def why_plain(model: PreTrainedModel, max_context: int) -> str | None:
    """Why batched slots are known not to be exact for ``model``, before anything is tried; ``None`` if nothing is."""
    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None) or getattr(config, "attention_chunk_size", None)
    windowed = bool(kinds & {"sliding_attention", "chunked_attention"}) or (not kinds and window is not None)
    if kinds - {"full_attention", "sliding_attention", "chunked_attention"}:
        return f"it has layers of kind {', '.join(sorted(kinds - {'full_attention'}))}"
    if windowed and (window is None or window < max_context):
        return f"its attention window of {window} is shorter than the context of {max_context}"
    if getattr(model, "_is_stateful", False) or getattr(config, "kv_sharing_modes", None):
        return "its layers do not each keep keys and values of their own"
    if rotary_limit(config) is not None:
        return "its rotary positions depend on the longest sequence of a batch"
    needed = {"position_ids", "past_key_values", "logits_to_keep", "attention_mask"}
    missing = needed - set(inspect.signature(model.forward).parameters)
    if missing:
        return f"its forward takes no {', '.join(sorted(missing))}"
    return None
