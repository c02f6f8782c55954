"""What episodes earned, less what training takes away."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mem1.errors import ConfigError
from mem1.train.advantages.earnings import Earning
from mem1.train.advantages.ledger import Ledger
from mem1.train.advantages.overlong import OverlongConfig
from mem1.train.config import KlConfig, TrainConfig
from mem1.train.rows.batch import make_batch
from mem1.types import Episode, StopReason
from tests.unit.train.advantages.test_earnings import of, sequential

COSTS = torch.tensor([0.1, 0.2, 0.0, 0.3, 0.0, 0.0])  # the six tokens of three turns


def ledger(**keys: Any) -> Ledger:
    return Ledger(TrainConfig.model_validate(keys), of)


def charged(episode: Episode, **keys: Any) -> list[tuple[int, object]]:
    batch = make_batch([episode], capacity=100)
    found = ledger(**keys).charged([[episode]], [batch], [COSTS])["e"]
    return [(one.turn, pytest.approx(one.amount, abs=1e-6)) for one in found]


def test_credit_per_objective_needs_to_know_what_an_objective_brought() -> None:
    with pytest.raises(ConfigError, match="what each objective adds"):
        Ledger(TrainConfig(credit="objective"), None)


def test_divergence_is_charged_to_the_episode_or_from_the_turn_on_that_cost_it() -> None:
    made = sequential([0, 1, 1], [1, 0.5])
    to_go = KlConfig(coef=1, where="reward", credit="to_go")
    assert charged(made) == [(2, 1.5 - 0.6)]
    whole = KlConfig(coef=1, where="reward", credit="episode")
    assert charged(made, credit="objective", kl=whole) == [(0, 1), (2, 0.5), (2, -0.6)]
    assert charged(made, credit="objective") == [(0, 1), (2, 0.5), (0, -0.3), (1, -0.3), (2, 0)]
    assert charged(made, kl=to_go) == [(2, 1.5), (0, -0.3), (1, -0.3), (2, 0)]
    assert charged(made, kl=to_go, credit="objective") == [(0, 1), (2, 0.5), (0, -0.3), (1, -0.3), (2, 0)]


def test_a_long_episode_is_charged_softly() -> None:
    made = sequential([0, 1, 1], [1, 0.5])
    overlong = OverlongConfig(how="penalty", limit=4, cache=2, coef=0.5)  # 0 at 2 turns, half of .5 at 3, all at 4
    assert ledger(overlong=overlong).earned(made) == (Earning(2, 1.25),)
    assert ledger(overlong=overlong, credit="objective").earned(made) == (
        Earning(0, 1),
        Earning(2, 0.5),
        Earning(2, -0.25),
    )
    tokens = OverlongConfig(how="penalty", unit="tokens", limit=8, cache=8)  # six tokens of eight
    assert ledger(overlong=tokens).earned(made) == (Earning(2, 0.75),)


@pytest.mark.parametrize(("turns", "cost"), [(1, 0.0), (2, 0.0), (3, 0.5), (4, 1.0), (9, 1.0)])
def test_the_penalty_grows_over_the_cache(turns: int, cost: float) -> None:
    overlong = OverlongConfig(how="penalty", limit=4, cache=2)
    assert overlong.penalty(sequential([0] * turns, [1])) == cost


def test_only_what_was_cut_off_is_masked() -> None:
    cut, done = OverlongConfig(how="mask"), sequential([0], [1])
    for stop, masked in (
        (StopReason.ANSWERED, False),
        (StopReason.TURN_LIMIT, True),
        (StopReason.CONTEXT_LIMIT, True),
    ):
        assert cut.masked(done.model_copy(update={"stop": stop})) is masked
        assert not OverlongConfig().masked(done.model_copy(update={"stop": stop}))


@pytest.mark.parametrize("keys", [{"limit": 3}, {"cache": 3}, {"limit": 3, "cache": 4}])
def test_a_penalty_without_a_range_is_refused(keys: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="cache"):
        OverlongConfig.model_validate({"how": "penalty", **keys})
