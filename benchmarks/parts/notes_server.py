"""An MCP server that changes something: ``note`` appends a line to a file, ``look`` says whether one is there.

``python notes_server.py FILE FAILING DYING``: of the calls of ``note`` the share FAILING does nothing and says so;
after the share DYING the server dies with the line written, so that nobody is told.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

FILE, FAILING, DYING = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])


def note(text: str) -> str:
    """Write a line down."""
    if random.random() < FAILING:
        raise ValueError("the paper is wet")
    with FILE.open("a") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    if random.random() < DYING:
        os._exit(3)
    return f"noted {text}"


def look(text: str) -> str:
    """Say whether a line is there."""
    return f"{text} is {'there' if FILE.exists() and text in FILE.read_text().split() else 'missing'}"


if __name__ == "__main__":
    server = MCPServer("notes")
    server.add_tool(note, structured_output=False)
    server.add_tool(look, structured_output=False, annotations=ToolAnnotations(read_only_hint=True))
    server.run(transport="stdio")
