"""How a service brings rows together is found out from three norms, and undone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mem1.errors import BackendError
from mem1.integrations.tinker.convention import MEAN, SUM, Convention, concluded, measured, probes
from mem1.train.rows.row import Row

TEXT = (5, 6, 7, 8, 9, 10)


def norm_of(rows: Sequence[Row], convention: Convention) -> float:
    """The gradient of a service whose tokens all have the gradient 1."""
    total = 0.0
    for row in rows:
        mine = sum(row.advantages) * row.weight
        total += mine / (sum(row.trained) if convention.by_tokens else 1)
    return total / (len(rows) if convention.by_rows else 1)


@pytest.mark.parametrize(
    "convention", [SUM, MEAN, Convention(by_rows=True, by_tokens=False), Convention(by_rows=False, by_tokens=True)]
)
def test_each_convention_is_recognised(convention: Convention) -> None:
    assert measured(lambda rows: norm_of(rows, convention), TEXT) == convention


@pytest.mark.parametrize(
    "convention", [SUM, MEAN, Convention(by_rows=True, by_tokens=False), Convention(by_rows=False, by_tokens=True)]
)
def test_scaled_advantages_give_the_sum_whatever_the_service_does(convention: Convention) -> None:
    # Three trained tokens of advantage 2 and weight 1/8, and one of advantage -1 and weight 1/2: 3/4 - 1/2.
    long = row((1.0, 2.0, 2.0, 2.0), (False, True, True, True), weight=0.125, first=0.0)
    short = row((0.0, 0.0, 0.0, -1.0), (False, False, False, True), weight=0.5)
    rows = [long, short]
    scaled = [
        row(tuple(one * convention.scale(each, len(rows)) for one in each.advantages), each.trained, weight=each.weight)
        for each in rows
    ]
    assert norm_of(scaled, convention) == pytest.approx(0.25)


def test_a_service_that_reports_no_norm_is_taken_at_the_protocols_word() -> None:
    assert concluded([None, None, None]) == SUM


def test_what_fits_nothing_known_is_refused() -> None:
    with pytest.raises(BackendError, match="no known way"):
        concluded([1.0, 0.7, 1.0])
    with pytest.raises(BackendError, match="no known way"):
        concluded([1.0, 1.0, 3.0])


def test_the_probes_train_on_the_last_tokens_only() -> None:
    alone, spread, beside = probes(TEXT)
    assert [sum(each.trained) for each in (*alone, *spread, *beside)] == [1, 4, 1, 1]
    assert [sum(each.advantages) for each in (*alone, *spread, *beside)] == [1.0, 1.0, 1.0, 0.0]
    assert not any(each.trained[0] for each in (*alone, *spread, *beside))


def row(advantages: tuple[float, ...], trained: tuple[bool, ...], *, weight: float, first: float | None = None) -> Row:
    kept = advantages if first is None else (first, *advantages[1:])
    return Row(
        token_ids=(1, 2, 3, 4),
        trained=trained,
        rollout_logprobs=(0.0,) * 4,
        advantages=kept,
        weight=weight,
        episode_id="e",
        group_id="g",
        policy_version=0,
    )
