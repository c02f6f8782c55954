"""What the service counts, in Prometheus' form; with several workers, summed over them."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mem1.serving.workers import SHARED

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_QUERIES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counters of one worker."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        self.requests = Counter(
            "mem1_requests", "Requests answered, by path and status.", ["path", "status"], registry=own
        )
        self.seconds = Histogram(
            "mem1_search_seconds", "A request's search, waiting and all.", buckets=_SECONDS, registry=own
        )
        self.queries = Counter("mem1_queries", "Queries searched for.", registry=own)
        self.batches = Histogram(
            "mem1_batch_queries", "Queries in one call of the retriever.", buckets=_QUERIES, registry=own
        )
        self.batch_seconds = Histogram(
            "mem1_batch_seconds", "One call of the retriever.", buckets=_SECONDS, registry=own
        )
        self.in_hand = Gauge(
            "mem1_searches_in_hand", "Searches waiting or running.", registry=own, multiprocess_mode="livesum"
        )

    def saw_batch(self, queries: int, seconds: float) -> None:
        """One call of the retriever ended."""
        self.queries.inc(queries)
        self.batches.observe(queries)
        self.batch_seconds.observe(seconds)

    def page(self) -> bytes:
        """The text that Prometheus reads."""
        if SHARED not in os.environ:
            return generate_latest(self._registry)
        everyone = CollectorRegistry()
        MultiProcessCollector(everyone)  # type: ignore[no-untyped-call]
        return generate_latest(everyone)
