"""What the search service takes, and where it stops taking it."""

from __future__ import annotations

from pydantic import Field

from mem1.serving.config import Count, Seconds, ServerConfig


class ServiceConfig(ServerConfig):
    """Limits and addresses of ``mem1 serve retrieve``; every field is a flag of the command.

    Published clients look for the service on port 8000 (Search-R1, verl) or 8013 (MEM1's rollout). Their training
    scripts send the searches of a whole step at once: 2,560 queries with GRPO's settings.
    """

    workers: Count = Field(default=1, description="processes that share the port and the index on disk")
    top_k: Count = Field(default=3, description="passages a query where a request does not say")
    max_top_k: Count = Field(default=100, description="most passages a query; more is refused (422)")
    max_queries: Count = Field(default=16_384, description="most queries, or urls, a request; more is refused (422)")
    max_body: Count = Field(default=1 << 24, description="most bytes of a request's body; more is refused (413)")
    max_waiting: Count = Field(default=256, description="requests in hand; further ones are put off (503)")
    batch: Count = Field(default=64, description="most queries of one call of the retriever")
    lanes: Count = Field(default=1, description="calls of the retriever at the same time; raise it for a remote one")
    search_seconds: Seconds = Field(default=30.0, description="a search that takes longer is given up (504)")
    query_seconds: Seconds = Field(default=0.25, description="what each query beyond --batch adds to it")
