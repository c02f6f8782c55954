"""A small shop that speaks as tau2's retail server does: two orders, each can be cancelled once."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer

FOLDER = Path(os.environ["TAU2_RETAIL_MCP_STATE_DIR"])
_states: dict[str, dict[str, Any]] = {}


def _state(key: str) -> dict[str, Any]:
    path = FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    if key not in _states:
        _states[key] = json.loads(path.read_text())
    return _states[key]


def _keep(key: str) -> None:
    path = FOLDER / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    path.write_text(json.dumps(_states[key]))


def _told(key: str, name: str, content: str) -> str:
    _state(key)["calls"].append(name)
    _keep(key)
    return json.dumps({"state_key": key, "tool": name, "tau2_tool_message": {"content": content}})


def reset_state(state_key: str) -> str:
    """Begin anew."""
    _states[state_key] = {"db": {"orders": {"#1": "pending", "#2": "pending"}}, "calls": []}
    _keep(state_key)
    return json.dumps({"ok": True})


def get_call_log(state_key: str) -> str:
    """What was called."""
    return json.dumps({"ok": True, "calls": _state(state_key)["calls"]})


def get_order(order: str, state_key: str = "") -> str:
    """Look an order up."""
    return _told(state_key, "get_order", _state(state_key)["db"]["orders"].get(order, "Error: no such order"))


def cancel(order: str, state_key: str = "") -> str:
    """Cancel an order."""
    orders = _state(state_key)["db"]["orders"]
    if orders.get(order) != "pending":
        return _told(state_key, "cancel", "Error: it is not pending")
    orders[order] = "cancelled"
    return _told(state_key, "cancel", "cancelled")


def die() -> str:
    """Die."""
    os._exit(3)


if __name__ == "__main__":
    server = MCPServer("double")
    for tool in (reset_state, get_call_log, get_order, cancel, die):
        server.add_tool(tool, structured_output=False)
    server.run(transport="stdio")
