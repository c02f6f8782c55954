"""Addresses and limits of the JSON service."""

from __future__ import annotations

from pydantic import Field

from mem1.serving.config import Count, ServerConfig


class AgentGymConfig(ServerConfig):
    """Limits and addresses of ``mem1 serve agentgym``; every field is a flag of the command."""

    port: int = Field(default=36001, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    room: Count = Field(default=1000, description="environments at once; of more the one idle for longest ends")
