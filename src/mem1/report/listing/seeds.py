"""Runs of the same settings and other seeds as one row: the mean score over the seeds with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mem1.errors import Mem1Error
from mem1.evaluation.records import Metric
from mem1.evaluation.statistics.intervals import Draw, bounded, unbounded
from mem1.report.listing.index import RunsIndex
from mem1.report.listing.reading import BESIDES
from mem1.report.listing.summary import Headline, RunSummary, Status
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir


@dataclass(frozen=True, slots=True)
class SettingsRow:
    """The runs of one set of settings.

    ``differing``: keys of the configuration, dotted, and what they are here, as far as not all rows have the same.
    ``score``: over those runs whose headline is of the same measure, source and horizon as the first one's, which
    ``of`` tells; ``None`` where no run has one.
    """

    differing: Mapping[str, Any]
    runs: tuple[RunSummary, ...]
    of: Headline | None
    score: Metric | None

    @property
    def scored(self) -> list[RunSummary]:
        """The runs that ``score`` is taken over."""
        return [one for one in self.runs if _same(one.score, self.of)]

    @property
    def unfinished(self) -> int:
        """Runs that did not come to their end, or still run."""
        return sum(one.status is not Status.FINISHED for one in self.runs)


def over_seeds(index: RunsIndex, runs: Iterable[RunSummary], confidence: float = 0.95) -> list[SettingsRow]:
    """A row for each set of settings among ``runs``, the best mean first; runs without readable settings are left out.

    The interval is Student's over the seeds, widened for few of them (``statistics.intervals.unbounded``) and kept
    within 0 and 1, where scores lie: it is about training anew, and the same tasks. A single seed has none.
    Where all scored the same, Gaffke's interval of a quantity between 0 and 1 takes its place.
    """
    groups: dict[str, list[RunSummary]] = {}
    for one in runs:
        if one.settings is not None:
            groups.setdefault(one.settings, []).append(one)
    configs = [settings(_config(index, some[0])) for some in groups.values()]
    keys = differing(configs)
    rows = []
    for config, some in zip(configs, groups.values(), strict=True):
        some.sort(key=lambda one: (one.seed is None, one.seed or 0, one.name))
        of = next((one.score for one in some if one.score is not None), None)
        values = [one.score.metric.mean for one in some if one.score is not None and _same(one.score, of)]
        score = mean_over_seeds(values, confidence)
        rows.append(SettingsRow({key: config.get(key) for key in keys}, tuple(some), of, score))
    return sorted(rows, key=lambda row: -row.score.mean if row.score is not None else float("inf"))


def mean_over_seeds(values: Sequence[float], confidence: float = 0.95) -> Metric | None:
    """Mean of a score between 0 and 1 over seeds, with its interval from two seeds on."""
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    mean = float(data.mean())
    if len(data) < 2 or not np.all((data >= 0) & (data <= 1)):
        return Metric(mean=mean, low=None, high=None, n=len(data))
    draw = Draw(confidence=confidence)
    # Seeds that all scored the same show no spread, which is not the same as having none.
    low, high = unbounded(data, draw) if np.ptp(data) else bounded(data, 0.0, 1.0, draw)
    return Metric(mean=mean, low=max(0.0, low), high=min(1.0, high), n=len(data))


def differing(configs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys in which flat configurations differ, in the order of the first ones that have them."""
    names = dict.fromkeys(name for config in configs for name in config)
    return [name for name in names if any(config.get(name) != configs[0].get(name) for config in configs)]


def settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration by dotted names, less what runs of the same settings may differ in."""
    return {key: value for key, value in flat(config) if key not in BESIDES}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """What a configuration holds by dotted names; lists and empty sections stand whole."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from flat(item, f"{name}.{key}" if name else str(key))
        return
    yield name or "value", value


def _config(index: RunsIndex, run: RunSummary) -> dict[str, Any]:
    path = index.path(run.name)
    try:
        found = read_json(RunDir(path).config_json) if path is not None else {}
    except Mem1Error:
        return {}
    return found if isinstance(found, dict) else {}


def _same(one: Headline | None, other: Headline | None) -> bool:
    if one is None or other is None:
        return False
    return (one.measure, one.source, one.objectives) == (other.measure, other.source, other.objectives)
