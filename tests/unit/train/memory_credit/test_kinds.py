"""Each kind by numbers worked out by hand."""

from __future__ import annotations

import math

import pytest

from mem1.train.memory_credit.belief_entropy import BeliefEntropy
from mem1.train.memory_credit.config import Belief, MemoryCredit, Write
from mem1.train.memory_credit.counterfactual import Counterfactual
from mem1.train.memory_credit.information_gain import InformationGain

WRITE = Write(prompt=(1, 2), before=(3,), after=(4, 5), behind=(6,))
LESS = Belief(logprobs=(math.log(0.25), math.log(0.5)), entropies=(1.0, 0.6))
MORE = Belief(logprobs=(math.log(0.5), math.log(0.5)), entropies=(0.4, 0.2))


def test_information_gain_is_the_mean_over_answers_of_what_log_p_rose_by() -> None:
    """One answer twice as likely, the other as before: half of log 2."""
    assert InformationGain().credit(LESS, MORE) == pytest.approx(math.log(2) / 2)
    assert InformationGain().credit(MORE, LESS) == pytest.approx(-math.log(2) / 2)


def test_information_gain_in_probability_is_that_of_the_geometric_means() -> None:
    """0.25 -> 0.5 and 0.5 -> 0.5: 0.125 on average."""
    assert InformationGain(unit="probability").credit(LESS, MORE) == pytest.approx(0.125)


def test_belief_entropy_is_the_uncertainty_taken_away() -> None:
    """0.8 nats before, 0.3 after."""
    assert BeliefEntropy().credit(LESS, MORE) == pytest.approx(0.5)


def test_a_counterfactual_is_worth_what_the_answers_lose_without_the_page() -> None:
    assert Counterfactual().credit(LESS, MORE) == pytest.approx(math.log(2) / 2)


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (InformationGain(), (1, 2, 3), (1, 2, 4, 5)),
        (BeliefEntropy(), (1, 2, 3), (1, 2, 4, 5)),
        (Counterfactual(), (1, 2, 3, 6), (1, 2, 4, 5, 6)),
        (Counterfactual(instead="empty"), (1, 2, 6), (1, 2, 4, 5, 6)),
    ],
)
def test_each_kind_compares_two_contexts(kind: MemoryCredit, first: tuple[int, ...], second: tuple[int, ...]) -> None:
    assert kind.contexts(WRITE) == (first, second)
