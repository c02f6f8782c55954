"""The verdict's differences and ratios, by hand."""

from __future__ import annotations

import pytest

from mem1.evaluation.cells import Bootstrap, make_cell
from mem1.evaluation.records import Cell, CellKey, Verdict
from mem1.evaluation.verdict import verdicts
from mem1.prices import Prices
from mem1.types import Composition
from tests.unit.evaluation.examples import episode, task, turn

KEY = CellKey(Composition.PARALLEL, 2)
PRICES = Prices(input=1.0, output=2.0)


def cell(strategy: str, rows: dict[str, tuple[float, int, float]], prices: Prices | None = PRICES) -> Cell:
    """Tasks with EM of the first objective, tokens written after a prompt of 2, and seconds."""
    episodes = [
        episode((turn(0, (1, 2), (9,) * length),), of=task(id=id), em=(em, 0.0), seconds=seconds, strategy=strategy)
        for id, (em, length, seconds) in rows.items()
    ]
    return make_cell(strategy, KEY, episodes, Bootstrap(resamples=500), prices)


FULL = cell("full", {"a": (1.0, 8, 2.0), "b": (1.0, 12, 6.0)})
STATE = cell("state", {"a": (1.0, 4, 1.0), "b": (0.0, 6, 1.0)})


def one(found: tuple[Verdict, ...]) -> Verdict:
    (verdict,) = found
    return verdict


def test_differences_and_ratios_by_hand() -> None:
    found = one(verdicts([FULL, STATE], "full", Bootstrap(resamples=500)))
    assert (found.strategy, found.baseline, found.key) == ("state", "full", KEY)
    em = found.scores["em"]
    assert em is not None
    assert (em.mean, em.n) == (-0.5, 2)
    assert found.peak is not None
    assert (found.peak.mean, found.peak.low) == (0.5, None)  # 10 / 20; two tasks are too few for an interval
    assert found.tokens is not None
    assert found.tokens.mean == pytest.approx((6 + 8) / (10 + 14))
    assert found.seconds is not None
    assert found.seconds.mean == pytest.approx(2 / 8)
    assert found.cost is not None
    assert found.cost.mean == pytest.approx((2 + 8 + 2 + 12) / (2 + 16 + 2 + 24))


def test_any_strategy_may_be_the_baseline() -> None:
    found = one(verdicts([FULL, STATE], "state", Bootstrap()))
    assert (found.strategy, found.baseline) == ("full", "state")
    assert found.peak is not None
    assert found.peak.mean == 2.0
    assert verdicts([FULL, STATE], "window", Bootstrap()) == ()


def test_money_is_left_out_where_there_are_no_prices() -> None:
    free = [cell(name, {"a": (1.0, 8, 2.0)}, None) for name in ("full", "state")]
    found = one(verdicts(free, "full", Bootstrap()))
    assert found.cost is None
    assert found.peak is not None
    assert (found.peak.mean, found.peak.low, found.peak.n) == (1.0, None, 1)
