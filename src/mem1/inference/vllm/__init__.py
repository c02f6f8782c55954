"""vLLM: in this process, and behind its own server."""
