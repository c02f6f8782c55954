"""Tools of MCP servers (the extra ``mcp``): stdio and streamable HTTP, by the official SDK."""
