"""What all persisted records have in common."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, FailFast


class Record(BaseModel):
    """Base of all persisted records: frozen, strict about keys, without numbers that are none.

    NaN that comes in past the checks (``model_copy``) is written as such, so that the door to the disk sees it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")


Many = FailFast()
"""Beside a long tuple: its first wrong item is complained of, not each. Millions of complaints are gigabytes."""


def same_length(**fields: tuple[Any, ...]) -> None:
    """Raise ``ValueError`` unless all ``fields`` are equally long."""
    lengths = {name: len(value) for name, value in fields.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"lengths differ: {lengths}")
