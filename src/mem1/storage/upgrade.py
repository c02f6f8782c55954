"""Records of former versions as records of this one. They are read through here, and never written back."""

from __future__ import annotations

import json
import re
from typing import Any

_OLD = re.compile(rb'\s*\{\s*"schema_version"\s*:\s*1\b|\s*\{(?!\s*"schema_version")')
"""How a line begins whose version is 1, or is told elsewhere in it, or not at all (then it is 1)."""
_ARGUMENTS = {"search": "query", "open": "url", "click": "target", "recall": "query"}


def upgraded_episode(text: bytes) -> bytes:
    """The JSON of an episode of version 1 as that of one of version 2; anything else as it is.

    Actions were kinds of their own and are calls of tools; what a memory answered itself was told by its kind.
    """
    if not _OLD.match(text):
        return text
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if not isinstance(raw, dict) or raw.get("schema_version", 1) != 1:
        return text
    raw["schema_version"] = 2
    turns = raw.get("turns")
    for turn in turns if isinstance(turns, list) else []:
        if isinstance(turn, dict) and isinstance(turn.get("action"), dict):
            _upgrade_turn(turn)
    return json.dumps(raw).encode()


def _upgrade_turn(turn: dict[str, Any]) -> None:
    action: dict[str, Any] = turn["action"]
    kind = action.get("type")
    argument = _ARGUMENTS.get(kind) if isinstance(kind, str) else None
    if argument is not None and set(action) == {"type", argument}:
        turn["action"] = {"type": "tool_call", "name": kind, "arguments": {argument: action[argument]}}
        turn["by_memory"] = kind == "recall"
