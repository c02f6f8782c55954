"""What the search service takes, and where it stops taking it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mem1.config import Config

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]


class ServiceConfig(Config):
    """Limits and addresses of ``mem1 serve retrieve``; every field is a flag of the command.

    Published clients look for the service on port 8000 (Search-R1, verl) or 8013 (MEM1's rollout).
    """

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    workers: Count = Field(default=1, description="processes that share the port and the index on disk")
    top_k: Count = Field(default=3, description="passages a query where a request does not say")
    max_top_k: Count = Field(default=100, description="most passages a query; more is refused (422)")
    max_queries: Count = Field(default=512, description="most queries, or urls, a request; more is refused (422)")
    max_body: Count = Field(default=1 << 20, description="most bytes of a request's body; more is refused (413)")
    max_waiting: Count = Field(default=256, description="requests in hand; further ones are put off (503)")
    max_connections: Count = Field(default=1024, description="open connections; requests beyond are put off (503)")
    batch: Count = Field(default=64, description="most queries of one call of the retriever")
    lanes: Count = Field(default=1, description="calls of the retriever at the same time; raise it for a remote one")
    search_seconds: Seconds = Field(default=30.0, description="a search that takes longer is given up (504)")
    body_seconds: Seconds = Field(default=10.0, description="a body that takes longer to arrive is refused (408)")
    header_seconds: Seconds = Field(default=10.0, description="a request line and headers slower than this: closed")
    write_seconds: Seconds = Field(default=30.0, description="a client that takes nothing for so long: closed")
    idle_seconds: Seconds = Field(default=30.0, description="a kept-alive connection without a request: closed")
    linger_seconds: Seconds = Field(default=0.5, description="on a stop: idle connections may still send a request")
    drain_seconds: Seconds = Field(default=60.0, description="on a stop: most time for requests in hand")
