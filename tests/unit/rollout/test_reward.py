"""Which metric is the reward."""

from __future__ import annotations

import pytest

from mem1.errors import ConfigError
from mem1.rollout.reward import objective_rewards_of, reward_of
from mem1.types import Score

SCORE = Score(
    metrics={"success": (1.0, 0.0), "score": (1.0, 0.25), "r_option": (1.0, None)}, answered=(True, True), scorer="shop"
)


@pytest.mark.parametrize(
    ("metric", "reward"),
    [("success", 1.0), ("score", 1.25), ("success + score", 2.25), ("score+score", 2.5), ("r_option", None)],
)
def test_a_metric_is_summed_over_objectives_and_open_where_one_is(metric: str, reward: float | None) -> None:
    assert reward_of(metric)(SCORE) == reward


def test_a_metric_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(ConfigError, match="there is no metric 'sucess'; shop gives success, score, r_option") as caught:
        reward_of("score + sucess")(SCORE)
    assert "did you mean 'success'?" in str(caught.value)
    with pytest.raises(ConfigError, match='set reward = "success"'):
        reward_of("f1")(SCORE)


def test_what_each_objective_adds() -> None:
    assert objective_rewards_of("success + score")(SCORE) == [2.0, 0.25]
    assert objective_rewards_of("score+r_option")(SCORE) == [2.0, None]
