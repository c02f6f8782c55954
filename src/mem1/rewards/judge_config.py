"""Where a judge is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from mem1.config import Config
from mem1.http.addresses import VariableName, address


class JudgeConfig(Config):
    """An OpenAI-compatible endpoint that judges answers (``scorer.type = "judge"``).

    ``base_url`` ends where ``/chat/completions`` begins. ``key_env`` names the environment variable that holds the key.
    ``cache`` is a file for verdicts, so that none is asked for twice. ``concurrency`` questions are asked at a time.
    """

    base_url: Annotated[str, address("scorer.judge.key_env")]
    model: str = Field(min_length=1)
    key_env: VariableName | None = None
    cache: Path | None = None
    attempts: int = Field(default=3, ge=1, le=10)
    seconds: float = Field(default=30.0, gt=0)
    max_tokens: int = Field(default=16, ge=1)
    concurrency: int = Field(default=8, ge=1)
