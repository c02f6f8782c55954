"""Which of many results are told apart, when all of them are looked at: Holm's step-down procedure (1979)."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.records import Metric


def told_apart(results: Sequence[tuple[Metric | None, float]], confidence: float) -> list[bool]:
    """For each result and the value that would mean "no difference": whether it is told from that value.

    Its own interval leaves the value out, there are tasks enough (``Metric.excludes``), and it stands up to Holm's
    procedure: with the p-values in order, the k-th of m is compared with (1 - ``confidence``) / (m - k), k from 0, and
    the first that is larger ends it. So at most 1 - ``confidence`` of all families without any difference have a
    single false result. Results without a p-value are judged by their interval alone.
    """
    known = [k for k, (metric, _) in enumerate(results) if metric is not None and metric.p is not None]
    order = sorted(known, key=lambda k: _p(results[k][0]))
    stands = {k for k, (metric, _) in enumerate(results) if metric is not None and metric.p is None}
    for place, k in enumerate(order):
        if _p(results[k][0]) > (1 - confidence) / (len(order) - place):
            break
        stands.add(k)
    return [k in stands and metric is not None and metric.excludes(value) for k, (metric, value) in enumerate(results)]


def _p(metric: Metric | None) -> float:
    return 1.0 if metric is None or metric.p is None else metric.p
