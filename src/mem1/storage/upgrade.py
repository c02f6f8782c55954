"""Records of former versions as records of this one. They are read through here, and never written back."""

from __future__ import annotations

from typing import Any

_ARGUMENTS = {"search": "query", "open": "url", "click": "target", "recall": "query"}


def upgraded_episode(raw: Any) -> Any:
    """An episode of version 1, as JSON holds it, as one of version 2; anything else as it is.

    Actions were kinds of their own and are calls of tools; what a memory answered itself was told by its kind.
    """
    if not isinstance(raw, dict) or raw.get("schema_version", 1) != 1:
        return raw
    turns = raw.get("turns")
    changed = [_turn(turn) for turn in turns] if isinstance(turns, list) else turns
    return raw | {"schema_version": 2, "turns": changed}


def _turn(turn: Any) -> Any:
    if not isinstance(turn, dict) or not isinstance(turn.get("action"), dict):
        return turn
    action: dict[str, Any] = turn["action"]
    kind = action.get("type")
    argument = _ARGUMENTS.get(kind) if isinstance(kind, str) else None
    if argument is None or set(action) != {"type", argument}:
        return turn
    call = {"type": "tool_call", "name": kind, "arguments": {argument: action[argument]}}
    return turn | {"action": call, "by_memory": kind == "recall"}
