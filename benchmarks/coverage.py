"""How often the intervals of an evaluation miss the truth, by simulation, over what scores and costs look like here.

Each line is one distribution; the figures are the share of samples of n tasks whose 95 % interval misses the true mean
(difference, ratio), in per cent. Beside ours stand the percentile bootstrap and Student's t (ratios: Fieller's).
Lines marked "unseen" cannot be held by any interval that has a limit: in (1 - p)^n of the samples, what decides the
mean did not occur, and nothing bounds how large it might have been.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mem1.evaluation.records import Metric
from mem1.evaluation.statistics import mean_interval, paired_difference, paired_ratio
from mem1.evaluation.statistics.intervals import Draw, fieller
from mem1.evaluation.statistics.student import student_quantile

SIZES = (5, 6, 8, 10, 12, 16, 20, 30, 50, 100)
Array = NDArray[np.float64]
Random = np.random.Generator
Found = Metric | None


@dataclass(frozen=True)
class Case:
    """A distribution: ``sample`` gives n tasks (two columns: left and right), ``truth`` what is to be covered.

    ``kind``: ``mean`` (one column), ``difference`` or ``ratio``. ``limit`` is the largest value that there can be.
    ``unseen``: no interval with a limit can hold.
    """

    kind: str
    sample: Callable[[Random, int], Array]
    truth: float
    limit: float | None = None
    unseen: bool = False

    def interval(self, data: Array, draw: Draw) -> Found:
        """Ours."""
        if self.kind == "mean":
            return mean_interval(data[:, 0].tolist(), draw, within=(0.0, self.limit))
        left, right = ({str(k): float(v) for k, v in enumerate(column)} for column in data.T)
        if self.kind == "difference":
            return paired_difference(left, right, draw, span=self.limit)
        return paired_ratio(left, right, draw)


def _sums(size: int, p: float) -> Case:
    return Case("mean", lambda r, n: _columns(r.binomial(size, p, n)), size * p, size)


def _whole(size: int, p: float) -> Case:
    return Case("mean", lambda r, n: _columns(size * (r.random(n) < p)), size * p, size)


def _costs(draw: Callable[[Random, int], Array], truth: float, *, unseen: bool = False) -> Case:
    return Case("mean", lambda r, n: _columns(draw(r, n)), truth, unseen=unseen)


def _scores(size: int, left: float, right: float) -> Case:
    return Case(
        "difference",
        lambda r, n: _columns(r.binomial(size, left, n), r.binomial(size, right, n)),
        size * (right - left),
        size,
    )


def _discordant(up: float, down: float) -> Case:
    def sample(random: Random, n: int) -> Array:
        u = random.random(n)
        return _columns((u < down), (u > 1 - up))

    return Case("difference", sample, up - down, 1)


def _pair(size: float, left: float, right: float, truth: float = 1.0) -> Case:
    """A common size of tasks, and noise of either side."""

    def sample(random: Random, n: int) -> Array:
        common = _spread(random, n, size)
        return _columns(common * _spread(random, n, left), truth * common * _spread(random, n, right))

    return Case("ratio", sample, truth)


def _spikes(left: float, right: float, *, unseen: bool = False) -> Case:
    """The same work, of which one in 1 / p takes three times as long."""

    def sample(random: Random, n: int) -> Array:
        common = _spread(random, n, 0.5)
        sides = [common * _spread(random, n, 0.1) * (1 + 2 * (random.random(n) < p)) for p in (left, right)]
        return _columns(*sides)

    return Case("ratio", sample, (1 + 2 * right) / (1 + 2 * left), unseen=unseen)


def _spread(random: Random, n: int, sigma: float) -> Array:
    return np.exp(random.normal(-sigma * sigma / 2, sigma, n))


def _growing(random: Random, n: int) -> Array:
    turns = random.geometric(0.3, n).astype(float)
    found: Array = 25 * turns * (turns + 1) + 200 * turns
    return found


def _limited(random: Random, n: int) -> Array:
    turns = 2.0 + random.binomial(15, 0.2, n)
    found: Array = 25 * turns * (turns + 1) + 300 * turns
    return found


def _cut(p: float) -> Callable[[Random, int], Array]:
    return lambda r, n: 1000 * _spread(r, n, 0.1) * (1 + 3 * (r.random(n) < p))


def _columns(*columns: Array | NDArray[np.bool_] | NDArray[np.int64]) -> Array:
    return np.column_stack([np.asarray(column, dtype=float) for column in columns])


CASES: dict[str, Case] = {
    "EM, 1 objective, p = .5": _sums(1, 0.5),
    "EM, 1 objective, p = .2": _sums(1, 0.2),
    "EM, 1 objective, p = .05": _sums(1, 0.05),
    "EM, 1 objective, p = .95": _sums(1, 0.95),
    "EM, 2 objectives, p = .05": _sums(2, 0.05),
    "EM, 2 objectives, p = .5": _sums(2, 0.5),
    "EM, 8 objectives, p = .05": _sums(8, 0.05),
    "EM, 32 objectives, p = .3": _sums(32, 0.3),
    "EM, 8 objectives, all or none, p = .05": _whole(8, 0.05),
    "EM, 32 objectives, all or none, p = .2": _whole(32, 0.2),
    "F1, share, uniform": Case("mean", lambda r, n: _columns(r.random(n)), 0.5, 1),
    "tokens, lognormal .3": _costs(lambda r, n: _spread(r, n, 0.3), 1.0),
    "tokens, lognormal .6": _costs(lambda r, n: _spread(r, n, 0.6), 1.0),
    "tokens, lognormal 1": _costs(lambda r, n: _spread(r, n, 1.0), 1.0),
    "seconds, exponential": _costs(lambda r, n: r.exponential(1.0, n), 1.0),
    "turns, geometric .3": _costs(lambda r, n: r.geometric(0.3, n).astype(float), 1 / 0.3),
    "tokens, growing context, geometric": _costs(_growing, 25 * (1.7 / 0.09 + 1 / 0.3) + 200 / 0.3),
    "tokens, growing context, turn limit": _costs(_limited, 25 * (5.0**2 + 2.4 + 5.0) + 300 * 5.0),
    "tokens, 1 in 3 four times as many": _costs(_cut(1 / 3), 2000.0, unseen=True),
    "tokens, 1 in 10 four times as many": _costs(_cut(0.1), 1300.0, unseen=True),
    "dEM, same skill, 1 objective, p = .5": _scores(1, 0.5, 0.5),
    "dEM, same skill, 1 objective, p = .05": _scores(1, 0.05, 0.05),
    "dEM, same skill, 8 objectives": _scores(8, 0.4, 0.4),
    "dEM, same skill, 32 objectives": _scores(32, 0.7, 0.7),
    "dEM, .4 to .6, 2 objectives": _scores(2, 0.4, 0.6),
    "dEM, only gains, p = .05": _discordant(0.05, 0.0),
    "dEM, rare, both ways, p = .05": _discordant(0.05, 0.05),
    "dEM, .3 up, .1 down": _discordant(0.3, 0.1),
    "ratio, independent .3": _pair(0.0, 0.3, 0.3),
    "ratio, independent .6": _pair(0.0, 0.6, 0.6),
    "ratio, independent 1": _pair(0.0, 1.0, 1.0),
    "ratio, noise .3 against 1": _pair(0.0, 0.3, 1.0),
    "ratio 0.8, tasks .6, noise .1": _pair(0.6, 0.1, 0.1, 0.8),
    "ratio 0.8, tasks .6, noise .3": _pair(0.6, 0.3, 0.3, 0.8),
    "ratio, spikes 1 in 20 on both sides": _spikes(0.05, 0.05),
    "ratio, spikes 1 in 5 on both sides": _spikes(0.2, 0.2),
    "ratio, spikes 1 in 5 on one side": _spikes(0.0, 0.2, unseen=True),
    "ratio, spikes 1 in 20 on one side": _spikes(0.0, 0.05, unseen=True),
}


def missed(case: Case, n: int, *, samples: int, seed: int = 0, resamples: int = 2000) -> dict[str, float]:
    """Shares of ``samples`` whose interval misses the truth: ours, and two well-known ones.

    An interval that is not given misses nothing.
    """
    random = np.random.default_rng([seed, n])
    draw = Draw(seed=seed, resamples=resamples)
    counts: dict[str, int] = dict.fromkeys(("ours", "percentile", "student"), 0)
    for _ in range(samples):
        data = case.sample(random, n)
        found = case.interval(data, draw)
        bounds = {
            "ours": None if found is None or found.low is None or found.high is None else (found.low, found.high),
            "percentile": _percentile(case, data, random),
            "student": _student(case, data),
        }
        for name, pair in bounds.items():
            counts[name] += pair is not None and not pair[0] - 1e-9 <= case.truth <= pair[1] + 1e-9
    return {name: count / samples for name, count in counts.items()}


def _percentile(case: Case, data: Array, random: Random) -> tuple[float, float]:
    means = data[random.integers(0, len(data), (400, len(data)))].mean(axis=1)
    drawn = _estimate(case, means)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _estimate(case: Case, means: Array) -> Array:
    if case.kind == "mean":
        return means[:, 0]
    return means[:, 1] - means[:, 0] if case.kind == "difference" else means[:, 1] / means[:, 0]


def _student(case: Case, data: Array) -> tuple[float, float] | None:
    n, quantile = len(data), student_quantile(0.975, len(data) - 1)
    if case.kind == "ratio":
        return fieller(data[:, 0], data[:, 1], quantile)
    values = data[:, 0] if case.kind == "mean" else data[:, 1] - data[:, 0]
    half = quantile * float(values.std(ddof=1)) / n**0.5
    return float(values.mean()) - half, float(values.mean()) + half


def table(sizes: Sequence[int], samples: int) -> Iterator[tuple[str, str]]:
    """A line for each case: ours (percentile, Student) at each size, in per cent."""
    for name, case in CASES.items():
        entries = []
        for n in sizes:
            found = missed(case, n, samples=samples)
            entries.append("{:.1f} ({:.0f}, {:.0f})".format(*(100 * found[k] for k in found)))
        yield name + (", unseen" if case.unseen else ""), "  ".join(entries)


def run(quick: bool) -> dict[str, float | str]:
    """The table, with the worst case that an interval can hold."""
    sizes, samples = (SIZES[::3], 300) if quick else (SIZES, 2000)
    lines = dict(table(sizes, samples))
    worst = max(
        float(one.split()[0]) for name, line in lines.items() if "unseen" not in name for one in line.split("  ")
    )
    heads = "  ".join(f"n = {n}" for n in sizes)
    return {"misses in per cent: ours (percentile bootstrap, Student)": heads, **lines, "worst of ours": worst}


if __name__ == "__main__":
    for label, value in run(quick="--quick" in sys.argv).items():
        print(f"{label:40} {value}")
