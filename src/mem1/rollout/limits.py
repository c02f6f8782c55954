"""Small rules of the loop: does the next turn fit, and which seed does it get."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from mem1.inference.base import Section


def fits(context_length: int, sections: Sequence[Section], max_context: int) -> bool:
    """Whether a context of ``context_length`` tokens leaves room for every section's whole budget."""
    return context_length + sum(section.budget for section in sections) <= max_context


def derive_seed(*parts: int | str) -> int:
    """A seed in [0, 2**63) that depends on all ``parts`` and is the same on every machine."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
