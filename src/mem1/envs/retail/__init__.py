"""tau2's retail shop as an environment: tools of an MCP server nobody here wrote, scored by replaying gold actions."""
