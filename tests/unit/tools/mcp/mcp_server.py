"""An MCP server for tests, over standard input and output or HTTP, and ones that misbehave: the first word says how."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp_types import ImageContent, TextContent, ToolAnnotations

MODE = sys.argv[1] if len(sys.argv) > 1 else "ok"


def serve(port: int = 0) -> None:
    """Serve the tools below."""
    server = MCPServer("tests")
    reads = ToolAnnotations(read_only_hint=True)

    def echo(text: str, secret: str = "none") -> str:
        """Say it again."""
        return f"{text} {secret}" if secret != "none" else text

    def environment() -> str:
        """Name the environment variables."""
        return " ".join(sorted(os.environ))

    def picture() -> list[TextContent | ImageContent]:
        """A picture."""
        return [TextContent(text="here:"), ImageContent(data="aGFsbG8=", mime_type="image/png")]

    def die(path: str) -> str:
        """Write to the file and die."""
        with Path(path).open("a") as file:
            file.write("x")
        os._exit(3)

    def slow() -> str:
        """Take a minute, if the client is there so long."""
        client = os.getppid()
        for _ in range(600):
            if os.getppid() != client:
                os._exit(0)
            time.sleep(0.1)
        return "late"

    def broken() -> str:
        """Raise."""
        raise ValueError("no")

    server.add_tool(echo, annotations=reads)
    server.add_tool(environment, annotations=reads)
    server.add_tool(picture, structured_output=False)
    server.add_tool(die)
    server.add_tool(slow, annotations=reads)
    server.add_tool(broken)
    if port:
        server.run(transport="streamable-http", host="127.0.0.1", port=port)
    else:
        server.run(transport="stdio")


if __name__ == "__main__":
    if MODE == "mute":
        sys.stdin.read()  # until the client is gone
    elif MODE == "dead":
        print("the key is missing", file=sys.stderr)
        sys.exit(1)
    elif MODE == "banner":
        print("Welcome to the server!", flush=True)
        serve()
    else:
        serve(int(MODE) if MODE.isdigit() else 0)
