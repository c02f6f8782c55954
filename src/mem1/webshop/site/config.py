"""Addresses and limits of the shop's web page."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mem1.serving.config import Count, Seconds, ServerConfig


class SiteConfig(ServerConfig):
    """Limits and addresses of ``mem1 serve webshop``; every field is a flag of the command."""

    port: int = Field(default=3000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    max_sessions: Count = Field(default=200, description="people at once; further ones are asked to wait")
    idle_minutes: Seconds = Field(
        default=60.0, description="a visit untouched for so long may be ended when others wait"
    )
    max_query: Count = Field(default=500, description="most characters of a search")
    log: Path | None = Field(default=None, description="append what people do to this file, as JSON lines")
    pictures: bool = Field(
        default=False, description="show products' pictures: the browser asks the servers that the catalogue names"
    )
    drain_seconds: Seconds = Field(default=3.0, description="on a stop: most time for requests in hand")
