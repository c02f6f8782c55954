"""Settings of the engines."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mem1.config import Config

Schedule = Literal["continuous", "lockstep"]


class EngineConfig(Config):
    """The transformers engine.

    ``slots``: completions written at the same time. ``max_context``: tokens, ``None`` for what the
    model allows. ``prefill_tokens``: most (padded) prompt tokens between two decoding steps.
    ``device``: "auto" takes CUDA where there is a device. ``dtype``: "auto" keeps the checkpoint's.
    """

    type: Literal["transformers"] = "transformers"
    slots: int = Field(default=64, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    prefill_tokens: int = Field(default=4096, ge=1)
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "float32"
