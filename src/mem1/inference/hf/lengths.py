"""What in a model's configuration depends on how long its contexts are."""

from __future__ import annotations

from typing import Any

from transformers import PreTrainedConfig


def rotary_limit(config: PreTrainedConfig) -> int | None:
    """Tokens up to which rotary frequencies are fixed; ``None`` where they are whatever the length.

    "longrope" and "dynamic" scaling change the frequencies of a whole sequence as soon as it grows beyond a boundary.
    What was cached below it has the old ones, so that a context which crosses it has no one set of log-probabilities:
    neither sampling nor training can be exact there.
    """
    text = config.get_text_config()
    limits = []
    for scaling in _scalings(text):
        if scaling.get("rope_type") in ("longrope", "dynamic"):
            own = scaling.get("original_max_position_embeddings") or getattr(
                text, "original_max_position_embeddings", None
            )
            limits.append(own or text.max_position_embeddings)
    return min(limits, default=None)


def _scalings(config: PreTrainedConfig) -> list[dict[str, Any]]:
    """Of all layers; some models have a set of parameters for each kind of layer."""
    found: dict[str, Any] = getattr(config, "rope_parameters", None) or {}
    return [found, *(value for value in found.values() if isinstance(value, dict))]
