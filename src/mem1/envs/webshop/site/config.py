"""Addresses and limits of the shop's web page."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mem1.config import Config

Count = Annotated[int, Field(ge=1)]


class SiteConfig(Config):
    """Limits and addresses of ``mem1 serve webshop``; every field is a flag of the command."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=3000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    max_sessions: Count = Field(default=200, description="people at once; further ones are asked to wait")
    idle_minutes: Annotated[float, Field(gt=0)] = Field(
        default=60.0, description="a visit untouched for so long may be ended when others wait"
    )
    max_query: Count = Field(default=500, description="most characters of a search")

    @property
    def local(self) -> bool:
        """Whether it listens on this machine only."""
        return self.host in LOCAL


LOCAL = ("127.0.0.1", "localhost", "::1")
