"""Tools that an agent can use: a folder of files, a corpus, any MCP server; put together in a ``Toolbox``."""

from mem1.tools.base import Tool, ToolFailedError, ToolResult
from mem1.tools.toolbox import Toolbox

__all__ = ["Tool", "ToolFailedError", "ToolResult", "Toolbox"]
