"""Evaluations stored under former rules."""

from __future__ import annotations

import json

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation
from mem1.evaluation.renew import renewed
from mem1.evaluation.statistics import METHOD
from tests.unit.evaluation.test_findings import cell, evaluation, one


def stored_before() -> Evaluation:
    """As it was written when failed episodes kept their costs and intervals were percentiles of the bootstrap."""
    state = cell("state", [one(f"t{k}", error="gone" if k == 7 else None) for k in range(8)])
    seconds = (*[1.5] * 7, 0.01)
    state = state.model_copy(update={"values": state.values | {Measure.SECONDS: seconds}})
    written = evaluation(cell("full", [one(f"t{k}") for k in range(8)]), state).model_dump(mode="json")
    for name in ("intervals", "conditions"):
        del written[name]
    for one_cell in written["cells"]:
        for name in ("failures", "alike", "cached_share"):
            del one_cell[name]
    return Evaluation.model_validate_json(json.dumps(written))


def test_what_was_stored_before_is_read_and_its_failed_costs_are_left_out() -> None:
    found = renewed(stored_before())
    assert found.intervals == METHOD
    state = next(one for one in found.cells if one.strategy == "state")
    assert state.values[Measure.SECONDS] == (*[1.5] * 7, None)
    (verdict,) = found.verdicts
    assert verdict.seconds is not None
    assert (verdict.seconds.mean, verdict.seconds.low, verdict.seconds.n) == (1.0, 1.0, 7)


def test_what_is_new_is_left_as_it_is() -> None:
    found = renewed(stored_before())
    assert renewed(found) is found
