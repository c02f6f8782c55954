"""Where a judge is asked."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from mem1.config import Config
from mem1.http.addresses import check_address, check_variable


class JudgeConfig(Config):
    """An OpenAI-compatible endpoint that judges answers (``scorer.type = "judge"``).

    ``base_url`` ends where ``/chat/completions`` begins. ``key_env`` names the environment variable that holds the key.
    ``cache`` is a file for verdicts, so that none is asked for twice. ``concurrency`` questions are asked at a time.
    """

    base_url: str
    model: str = Field(min_length=1)
    key_env: str | None = None
    cache: Path | None = None
    attempts: int = Field(default=3, ge=1, le=10)
    seconds: float = Field(default=30.0, gt=0)
    max_tokens: int = Field(default=16, ge=1)
    concurrency: int = Field(default=8, ge=1)

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        return check_variable(name)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return check_address(url, "scorer.judge.key_env")
