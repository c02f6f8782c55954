"""Settings that cannot be meant are refused by name."""

from __future__ import annotations

import pytest

from mem1.config import build, load
from mem1.errors import ConfigError
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ppo import Ppo
from mem1.train.advantages.reinforce_pp import ReinforcePP
from mem1.train.advantages.rloo import Rloo
from mem1.train.config import TrainConfig


def test_algorithms_are_chosen_by_type() -> None:
    config = load(TrainConfig, None, ["algorithm.type=ppo", "algorithm.lam=0.9", "epochs=2", "minibatches=4"])
    assert config.algorithm == Ppo(lam=0.9)
    assert config.updates_per_step == 8


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"algorithm": {"type": "grpo", "lam": 0.9}},
            "algorithm.lam: no such key for this type, though another type has it",
        ),
        ({"algorithm": {"type": "dpo"}}, "algorithm: no such 'type': 'dpo' .* there are 'grpo', "),
        ({"group_size": 1}, "group_size must be 2 or more"),
        ({"kl": {"where": "loss", "loss_estimator": "k1"}}, "kl.loss_estimator"),
        ({"normalisation": "sample"}, "normalisation"),
        ({"dual_clip": 0.5}, "dual_clip"),
        ({"normalisation": "constant"}, "constant_length"),
        ({"constant_length": 100}, "constant_length"),
        ({"loss": {"type": "gsop"}}, "loss: no such 'type': 'gsop' .did you mean 'gspo'"),
        ({"overlong": {"how": "penalty"}}, "overlong: .*needs limit and cache"),
        ({"credit": "objective", "algorithm": {"type": "ppo", "chain": "per_segment"}}, "segment_reward"),
        ({"overlong": {"how": "mask", "limit": 4}}, "limit and cache are for how"),
        ({"loss": {"type": "cispo"}, "dual_clip": 3}, "dual_clip plays no part"),
        ({"importance": "sequence", "tis_cap": None}, "tis_cap"),
        ({"kl": {"credit": "to_go"}}, "where = .reward."),
        ({"algorithm": {"type": "ppo", "critic_warmup": 100}}, "critic_warmup = 100 leaves none of 100 steps"),
        ({"temperature": 0}, "temperature"),
        ({"learning_rate": 1}, "learning_rate: no such key"),
    ],
)
def test_refusals_name_the_field(data: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(TrainConfig, data, where="test")


def test_which_algorithms_compare_within_groups() -> None:
    for algorithm, expected in (
        (Grpo(), True),
        (Rloo(), True),
        (ReinforcePP(), True),
        (ReinforcePP(subtract_group_mean=False), False),
        (Ppo(), False),
    ):
        assert TrainConfig(algorithm=algorithm).uses_groups is expected
    assert TrainConfig(algorithm=Ppo(), group_size=1).group_size == 1
