"""What our loop sends to a training service and makes of its answers, with a service that is played."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.errors import CheckpointError, InexactError
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.updater import TinkerUpdater
from mem1.metering import Meter, metering
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import TrainConfig
from mem1.train.gap import gap_metrics
from mem1.train.rows.row import Row
from mem1.train.selection import select
from mem1.types import Episode, EpisodeGroup
from tests.unit.train.episodes import episode, turn

SERVICE = {"base_url": "http://127.0.0.1:1", "tokenizer": "builtin:tiny", "max_context": 64}
CONFIG = TrainConfig(normalisation="episode", group_size=4)


class Played:
    """An adapter: its log-probabilities are those of sampling plus ``off``, and in a step ``moved`` more than given."""

    model = "base"

    def __init__(self, moved: float = 0.0, off: float = 0.0) -> None:
        self.moved, self.off = moved, off
        self.scored: list[list[Row]] = []
        self.steps: list[tuple[list[Row], float]] = []
        self.loaded: list[str] = []

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        self.scored.append(list(rows))
        return [
            [value + self.off for on, value in zip(row.trained, row.rollout_logprobs, strict=True) if on]
            for row in rows
        ]

    def step(self, rows: Sequence[Row], lr: float) -> tuple[list[list[float]], float | None]:
        self.steps.append((list(rows), lr))
        scored = [
            [value + self.moved for on, value in zip(row.trained, row.rollout_logprobs, strict=True) if on]
            for row in rows
        ]
        return scored, 2.5

    def save(self) -> tuple[str, str]:
        return "tinker://state", "tinker://sampler"

    def load(self, state: str) -> None:
        self.loaded.append(state)


def updater(adapter: Played, config: TrainConfig = CONFIG, **keys: Any) -> TinkerUpdater:
    settings = TinkerConfig.model_validate(SERVICE | keys)
    played: Any = adapter
    engine: Any = None
    return TinkerUpdater(played, settings, config, engine)


def group() -> EpisodeGroup:
    """Rewards 0, 1, 1, 1 for episodes of 6, 2, 2 and 2 contexts of two sampled tokens."""
    episodes = tuple(
        _episode(f"e{k}", contexts, reward)
        for k, (contexts, reward) in enumerate([(6, 0.0), (2, 1.0), (2, 1.0), (2, 1.0)])
    )
    return EpisodeGroup(id="g", episodes=episodes)


def _episode(name: str, contexts: int, reward: float) -> Episode:
    turns = [turn(k, (1, 2, 10 + k), (30, 31), prefix=2) for k in range(contexts)]
    return episode(name, turns).model_copy(update={"reward": reward})


def test_each_episode_has_a_quarter_of_the_loss_whatever_its_contexts() -> None:
    adapter = Played()
    mine = updater(adapter)
    selection = select([group()], compare_in_groups=True)
    (minibatch,) = mine.prepare(selection, Ledger(CONFIG, None), random.Random(0))
    stats = mine.update(minibatch)
    ((rows, lr),) = adapter.steps
    assert lr == CONFIG.optimizer.lr
    assert [row.episode_id for row in rows].count("e0") == 6
    # GRPO: rewards less their mean 3/4, over their sample deviation 1/2: -3/2, and 1/2 three times.
    shares = {
        name: sum(row.weight * sum(row.trained) for row in rows if row.episode_id == name)
        for name in ["e0", "e1", "e2", "e3"]
    }
    assert shares == pytest.approx(dict.fromkeys(shares, 0.25))
    pulls = {name: sum(row.weight * sum(row.advantages) for row in rows if row.episode_id == name) for name in shares}
    assert pulls["e0"] == pytest.approx(-3 / 8, rel=1e-4)
    assert pulls["e1"] == pytest.approx(1 / 8, rel=1e-4)
    assert stats.grad_norm == 2.5
    assert stats.logprobs.tolist() == pytest.approx([-0.5] * 24)
    assert stats.ratio.tolist() == pytest.approx([1.0] * 24)
    assert stats.loss == pytest.approx(0.0, abs=1e-5), "ratio 1 and advantages that add up to 0"


def test_the_rate_of_a_step_is_the_schedules() -> None:
    adapter = Played()
    mine = updater(adapter)
    mine.set_rate(0.5, critic_only=False)
    (minibatch,) = mine.prepare(select([group()], compare_in_groups=True), Ledger(CONFIG, None), random.Random(0))
    mine.update(minibatch)
    assert adapter.steps[0][1] == 0.5 * CONFIG.optimizer.lr


@pytest.mark.parametrize(("loss", "share"), [("importance_sampling", 0.0), ("ppo", 0.5)])
def test_what_the_service_clips_is_counted(loss: str, share: float) -> None:
    # exp(0.25) = 1.28 is beyond 1.2: the gradient of the 12 tokens with a positive advantage is clipped away.
    adapter = Played(moved=0.25)
    mine = updater(adapter, CONFIG.model_copy(update={"max_rollout_gap": None}), loss=loss)
    (minibatch,) = mine.prepare(select([group()], compare_in_groups=True), Ledger(CONFIG, None), random.Random(0))
    assert mine.update(minibatch).clipped.float().mean().item() == share


def test_a_sampler_with_other_weights_stops_the_run_before_a_step() -> None:
    adapter = Played(off=0.25)
    with pytest.raises(InexactError, match=r"0\.25 nats"):
        updater(adapter).prepare(select([group()], compare_in_groups=True), Ledger(CONFIG, None), random.Random(0))
    assert adapter.steps == []


@pytest.mark.parametrize(
    ("keys", "weight", "cut"),
    [
        ({"tis_cap": 2.0}, 2.0, 1.0),  # every token is three times as likely to the trainer: cut off at 2
        ({"tis_cap": 4.0}, 3.0, 0.0),
        ({"tis_cap": 8.0, "importance": "sequence"}, 0.0, 1.0),  # completions of two tokens: 9, left out above 8
        ({"tis_cap": 10.0, "importance": "sequence"}, 9.0, 0.0),
        ({"tis_cap": None}, 1.0, None),
    ],
)
def test_what_trainer_and_sampler_differ_by_weighs_the_advantages_as_it_does_here(
    keys: dict[str, Any], weight: float, cut: float | None
) -> None:
    adapter = Played(off=math.log(3))
    config = CONFIG.model_copy(update=keys | {"max_rollout_gap": None})
    mine = updater(adapter, config)
    (minibatch,) = mine.prepare(select([group()], compare_in_groups=True), Ledger(config, None), random.Random(0))
    stats = mine.update(minibatch)
    ((rows, _),) = adapter.steps
    for row in rows:
        advantage = -1.5 if row.episode_id == "e0" else 0.5
        told = [one for one, on in zip(row.advantages, row.trained, strict=True) if on]
        assert told == pytest.approx([weight * advantage] * 2, rel=1e-4)
        compared = [one for one, on in zip(row.rollout_logprobs, row.trained, strict=True) if on]
        assert compared == pytest.approx([-0.5 + math.log(3)] * 2), "the trainer's own, not the sampler's"
    assert stats.ratio.tolist() == pytest.approx([1.0] * 24)
    assert gap_metrics([stats], config).get("policy/importance_cut") == cut


def test_tokens_that_a_step_reads_are_paid_for() -> None:
    mine = updater(Played(), prices={"input": 1, "output": 2, "train": 3})
    (minibatch,) = mine.prepare(select([group()], compare_in_groups=True), Ledger(CONFIG, None), random.Random(0))
    counted = Meter()
    with metering(counted):
        mine.update(minibatch)
    assert counted.prompt_tokens == 12 * 5, "twelve contexts of three and two tokens"
    assert counted.cost == pytest.approx(60 * 3 / 1e6)
    with metering(counted):
        mine.prepare(select([group()], compare_in_groups=True), Ledger(CONFIG, None), random.Random(0))
    assert counted.cost == pytest.approx(60 * (3 + 1) / 1e6), "scored at the price of a prompt"


def test_a_checkpoint_says_where_the_service_keeps_the_weights(tmp_path: Path) -> None:
    updater(Played()).write(tmp_path, {"torch": torch.zeros(3)})
    note = json.loads((tmp_path / "service.json").read_text())
    assert note == {"type": "tinker", "base_model": "base", "state": "tinker://state", "sampler": "tinker://sampler"}
    again = Played()
    assert updater(again).read(tmp_path)["torch"].tolist() == [0.0, 0.0, 0.0]
    assert again.loaded == ["tinker://state"]


def test_a_checkpoint_without_its_note_is_told(tmp_path: Path) -> None:
    updater(Played()).write(tmp_path, {})
    (tmp_path / "service.json").write_text("{}")
    with pytest.raises(CheckpointError, match="where the service keeps the weights"):
        updater(Played()).read(tmp_path)
