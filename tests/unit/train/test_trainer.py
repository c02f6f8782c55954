"""The training loop: what it records, what it refuses, and when it gives up."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from mem1.errors import BackendError, CheckpointError, ConfigError, NoSignalError
from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from mem1.train.advantages.grpo import Grpo
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.loop import Evaluate
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch
from mem1.train.rows.batch import make_batch
from mem1.train.trainer import Trainer, _with_advantages
from mem1.types import EpisodeError, EpisodeGroup, SideCall, StopReason
from tests.e2e.toy import ToyRollout, tiny_policy, toy_run, toy_trainer

Rollout = Callable[[int], list[EpisodeGroup]]


def config_of(**changes: Any) -> TrainConfig:
    values: dict[str, Any] = {
        "algorithm": Grpo(),
        "steps": 3,
        "tasks_per_step": 2,
        "group_size": 4,
        "optimizer": OptimizerConfig(lr=0.01),
        "no_signal_limit": 2,
        "evaluate_every": 2,
    }
    return TrainConfig.model_validate(values | changes)


def trainer_of(
    path: Path,
    config: TrainConfig,
    wrap: Callable[[Rollout], Rollout] = lambda rollout: rollout,
    *,
    evaluate: Evaluate | None = None,
    console: Console | None = None,
) -> tuple[Policy, Trainer]:
    policy = tiny_policy()
    rollout = wrap(ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size))
    return policy, Trainer(policy, config, toy_run(path), rollout=rollout, evaluate=evaluate, console=console)


def all_failed(rollout: Rollout) -> Rollout:
    broken = {"stop": StopReason.ERROR, "reward": None, "error": EpisodeError(type="BackendError", message="no model")}

    def fail(step: int) -> list[EpisodeGroup]:
        groups = rollout(step)
        if step < 1:
            return groups
        return [EpisodeGroup(id=g.id, episodes=tuple(e.model_copy(update=broken) for e in g.episodes)) for g in groups]

    return fail


def same_rewards(rollout: Rollout) -> Rollout:
    def equal(step: int) -> list[EpisodeGroup]:
        return [
            EpisodeGroup(id=g.id, episodes=tuple(e.model_copy(update={"reward": 1.0}) for e in g.episodes))
            for g in rollout(step)
        ]

    return equal


def test_records_metrics_evaluations_and_episodes(tmp_path: Path) -> None:
    measured: list[int] = []

    def evaluate(step: int) -> dict[str, float]:
        measured.append(step)
        return {"em": step / 10}

    screen = StringIO()
    _, trainer = trainer_of(
        tmp_path / "run", config_of(), evaluate=evaluate, console=Console(file=screen, width=200, force_terminal=False)
    )
    outcome = trainer.train()
    assert (outcome.step, outcome.interrupted) == (3, False)
    assert outcome.checkpoint is not None
    assert outcome.checkpoint.name == "step-000003"
    assert measured == [0, 2, 3]
    rows = list(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    assert [row["step"] for row in rows] == [0, 1, 2, 2, 3, 3]
    assert [row["evaluation/em"] for row in rows if "evaluation/em" in row] == [0.0, 0.2, 0.3]
    episodes = list(read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz"))
    assert len(episodes) == 3 * 8
    assert sum(e.advantage for e in episodes if e.advantage is not None) == pytest.approx(0, abs=1e-4)
    assert any(e.advantage for e in episodes)
    for episode in episodes:  # without a critic, all tokens of an episode have the same
        assert all(turn.advantage == pytest.approx(episode.advantage, abs=1e-6) for turn in episode.turns)
    assert "step 3/3  reward" in screen.getvalue()
    assert "evaluation after step 2: em 0.2" in screen.getvalue()
    assert not (tmp_path / "run" / "tensorboard").exists(), "nobody asked for that monitor"


def test_text_that_was_sampled_elsewhere_is_refused(tmp_path: Path) -> None:
    def through_text(rollout: Rollout) -> Rollout:
        def sampled(step: int) -> list[EpisodeGroup]:
            first, *others = rollout(step)
            odd = first.episodes[-1]
            turns = tuple(turn.model_copy(update={"exact": False}) for turn in odd.turns)
            members = (*first.episodes[:-1], odd.model_copy(update={"turns": turns}))
            return [first.model_copy(update={"episodes": members}), *others]

        return sampled

    policy, trainer = trainer_of(tmp_path / "run", config_of(), through_text)
    before = {name: weight.clone() for name, weight in policy.model.state_dict().items()}
    with pytest.raises(ConfigError, match="was written by a server that gives text") as caught:
        trainer.train()
    assert caught.value.where == "engine.type"
    assert all(torch.equal(weight, before[name]) for name, weight in policy.model.state_dict().items())


def test_failed_episodes_are_recorded_and_not_learnt_from(tmp_path: Path) -> None:
    error = EpisodeError(type="BackendError", message="down")

    def breaking(rollout: Rollout) -> Rollout:
        def broken(step: int) -> list[EpisodeGroup]:
            groups = rollout(step)
            first = (
                groups[0]
                .episodes[0]
                .model_copy(update={"reward": None, "score": None, "stop": StopReason.ERROR, "error": error})
            )
            return [EpisodeGroup(id=groups[0].id, episodes=(first, *groups[0].episodes[1:])), *groups[1:]]

        return broken

    _, trainer = trainer_of(tmp_path / "run", config_of(steps=1), breaking)
    trainer.train()
    (row,) = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert (row["count/episodes"], row["count/failed"]) == (8, 1)
    first = next(read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz"))
    assert (first.error, first.advantage) == (error, None)


def test_batches_without_signal_change_nothing_and_end_the_run(tmp_path: Path) -> None:
    policy, trainer = trainer_of(tmp_path / "run", config_of(steps=9), same_rewards)
    before = [p.detach().clone() for p in policy.parameters()]
    with pytest.raises(NoSignalError, match="2 steps in a row"):
        trainer.train()
    assert all(torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))
    rows = list(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    assert [row["count/without_signal"] for row in rows] == [2, 2]
    assert (tmp_path / "run" / "checkpoints" / "step-000002").is_dir()


@pytest.mark.parametrize("place", [0, 3])
def test_a_reward_that_is_no_number_is_unscored_wherever_it_stands(tmp_path: Path, place: int) -> None:
    def odd(rollout: Rollout) -> Rollout:
        def sampled(step: int) -> list[EpisodeGroup]:
            first, *others = rollout(step)
            members = list(first.episodes)
            members[place] = members[place].model_copy(update={"reward": float("nan")})
            return [first.model_copy(update={"episodes": tuple(members)}), *others]

        return sampled

    _, trainer = trainer_of(tmp_path / "run", config_of(steps=1, evaluate_every=0), odd)
    trainer.train()
    (row,) = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert (row["count/episodes"], row["count/failed"], row["count/unscored"]) == (8, 0, 1)
    assert math.isfinite(row["reward/mean"])
    assert math.isfinite(row["policy/grad_norm"])
    episodes = list(read_episodes(tmp_path / "run" / "episodes" / "train.jsonl.gz"))
    assert (episodes[place].reward, episodes[place].advantage) == (None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"loss": {"type": "gspo"}},
        {"loss": {"type": "cispo"}, "clip_low": 1.0},
        {"importance": "sequence"},
        {"normalisation": "constant", "constant_length": 4},
        {"overlong": {"how": "penalty", "limit": 2, "cache": 2}},
        {"kl": {"coef": 0.1, "where": "reward", "credit": "to_go"}},
        {"credit": "objective"},
        {"credit": "objective", "algorithm": {"type": "rloo"}},
        {"credit": "objective", "algorithm": {"type": "reinforce++"}},
        {"credit": "objective", "algorithm": {"type": "ppo"}},
    ],
)
def test_every_option_trains(tmp_path: Path, changes: dict[str, Any]) -> None:
    config = config_of(steps=1, epochs=2, evaluate_every=0, max_rollout_gap=None, **changes)
    policy = tiny_policy()
    before = [weight.detach().clone() for weight in policy.parameters()]
    rollout = ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size)
    trainer = Trainer(
        policy,
        config,
        toy_run(tmp_path / "run"),
        rollout=rollout,
        objective_rewards=lambda score: score.metrics["em"],
    )
    trainer.train()
    (row,) = read_metrics(tmp_path / "run" / "metrics.jsonl")
    assert row["policy/updates"] == 2
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.parameters(), strict=True))


@pytest.mark.parametrize("on", [True, False])
def test_side_calls_are_trained_on_where_it_is_asked_for(tmp_path: Path, on: bool) -> None:
    def summarising(rollout: Rollout) -> Rollout:
        def sampled(step: int) -> list[EpisodeGroup]:
            asked = SideCall(
                turn=1,
                purpose="summary",
                prompt_token_ids=(1, 2, 9),
                prefix_length=1,
                completion_token_ids=(4, 5, 6),
                logprobs=(-2.5, -2.5, 0.0),
                sampled_mask=(True, True, False),
            )
            return [
                EpisodeGroup(id=g.id, episodes=tuple(e.model_copy(update={"side_calls": (asked,)}) for e in g.episodes))
                for g in rollout(step)
            ]

        return sampled

    run = tmp_path / "run"
    config = config_of(steps=1, evaluate_every=0, side_calls=on, max_rollout_gap=None)
    _, trainer = trainer_of(run, config, summarising)
    trainer.train()
    (row,) = read_metrics(run / "metrics.jsonl")
    assert row["episode/sampled"] == 6  # two turns of two tokens, and two of the side call
    assert row["speed/tokens"] * row["seconds/step"] == pytest.approx(8 * (6 if on else 4))
    first = next(read_episodes(run / "episodes" / "train.jsonl.gz"))
    assert first.side_calls[0].sampled_mask == (True, True, False)  # the record is whole either way


@pytest.mark.parametrize("critic", ["separate", "shared"])
def test_while_the_critic_warms_up_the_policy_stays(tmp_path: Path, critic: str) -> None:
    algorithm = {"type": "ppo", "critic": critic, "critic_lr": 0.01, "critic_warmup": 2}
    config = config_of(steps=3, evaluate_every=0, algorithm=algorithm, max_rollout_gap=None)
    policy = tiny_policy()
    seen: list[list[torch.Tensor]] = []

    def watched(step: int) -> list[EpisodeGroup]:
        seen.append([weight.detach().clone() for weight in policy.model.parameters()])
        return ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size)(step)

    Trainer(policy, config, toy_run(tmp_path / "run"), rollout=watched).train()
    seen.append([weight.detach().clone() for weight in policy.model.parameters()])
    changed = [any(not torch.equal(a, b) for a, b in zip(x, y, strict=True)) for x, y in pairwise(seen)]
    assert changed == [False, False, True]
    values = [row["critic/value_mean"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl")]
    assert values[0] == 0  # it starts at 0 everywhere
    assert values[1] != 0


def test_optimizer_steps_do_not_depend_on_turns(tmp_path: Path) -> None:
    for turns in (1, 4):
        policy = tiny_policy()
        config = config_of(steps=1, epochs=3, minibatches=2, group_size=6)
        rollout = ToyRollout(policy, groups=2, size=6, turns=turns)
        Trainer(policy, config, toy_run(tmp_path / str(turns)), rollout=rollout).train()
        (row,) = read_metrics(tmp_path / str(turns) / "metrics.jsonl")
        assert row["policy/updates"] == config.updates_per_step == 6


def test_ctrl_c_in_a_rollout_saves_what_is_complete(tmp_path: Path) -> None:
    def interrupting(rollout: Rollout) -> Rollout:
        def stop(step: int) -> list[EpisodeGroup]:
            if step == 2:
                signal.raise_signal(signal.SIGINT)
            return rollout(step)

        return stop

    screen = StringIO()
    console = Console(file=screen, width=300, force_terminal=False)
    config = config_of(steps=4, checkpoint_every=100)
    _, trainer = trainer_of(tmp_path / "run", config, interrupting, console=console)
    outcome = trainer.train()
    assert (outcome.step, outcome.interrupted) == (2, True)
    assert "step-000002 of 4 is saved" in screen.getvalue()
    assert f"--run {tmp_path / 'run'} --resume" in screen.getvalue()
    resumed, trainer = trainer_of(tmp_path / "run", config)
    assert trainer.train(resume=True).step == 4
    peaceful, trainer = trainer_of(tmp_path / "peaceful", config)
    trainer.train()
    assert all(torch.equal(a, b) for a, b in zip(resumed.parameters(), peaceful.parameters(), strict=True))


def test_an_error_in_the_rollout_is_raised_and_nothing_is_lost(tmp_path: Path) -> None:
    def failing(rollout: Rollout) -> Rollout:
        def fail(step: int) -> list[EpisodeGroup]:
            if step == 1:
                raise BackendError("the engine is gone", hint="start it again")
            return rollout(step)

        return fail

    _, trainer = trainer_of(tmp_path / "run", config_of(checkpoint_every=100), failing)
    with pytest.raises(BackendError):
        trainer.train()
    assert (tmp_path / "run" / "checkpoints" / "step-000001").is_dir()


def test_a_run_is_not_started_over_nor_resumed_with_other_settings(tmp_path: Path) -> None:
    toy_trainer(tmp_path / "run", config_of())[1].train()
    with pytest.raises(CheckpointError, match="a run here already"):
        toy_trainer(tmp_path / "run", config_of())[1].train()
    with pytest.raises(CheckpointError, match=r"different: optimizer\.lr, steps"):
        toy_trainer(tmp_path / "run", config_of(steps=5, optimizer=OptimizerConfig(lr=1.0)))[1].train(resume=True)


def test_metrics_without_checkpoints_are_refused(tmp_path: Path) -> None:
    toy_trainer(tmp_path / "run", config_of())[1].train()
    for path in sorted((tmp_path / "run" / "checkpoints").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    with pytest.raises(CheckpointError, match="metrics but no checkpoint"):
        toy_trainer(tmp_path / "run", config_of())[1].train(resume=True)


def test_lost_metrics_are_noticed_on_resuming(tmp_path: Path) -> None:
    toy_trainer(tmp_path / "run", config_of())[1].train()
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    with pytest.raises(CheckpointError, match=r"metrics\.jsonl has 0 bytes"):
        toy_trainer(tmp_path / "run", config_of())[1].train(resume=True)


def test_a_step_in_which_everything_failed_ends_the_run_before_it(tmp_path: Path) -> None:
    _, trainer = trainer_of(tmp_path, config_of(), all_failed)
    with pytest.raises(BackendError, match="all 8 episodes failed, the first with BackendError: no model") as caught:
        trainer.train()
    assert caught.value.where == "rollout of step 2"
    outcome = trainer_of(tmp_path, config_of())[1].train(resume=True)
    assert outcome.step == 3


def test_an_evaluation_without_a_score_is_no_result(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="nothing could be scored in the evaluation after step 0"):
        trainer_of(tmp_path, config_of(), evaluate=lambda step: {})[1].train()


def test_each_turn_is_credited_with_the_mean_over_its_sampled_tokens(tmp_path: Path) -> None:
    policy = tiny_policy()
    (group,) = ToyRollout(policy, groups=1, size=1)(0)
    first = group.episodes[0]
    forced = first.turns[0].model_copy(update={"sampled_mask": (False,) * len(first.turns[0].sampled_mask)})
    episode = first.model_copy(update={"turns": (*first.turns, forced.model_copy(update={"index": len(first.turns)}))})
    batch = make_batch([episode], capacity=512)
    counts = [sum(turn.sampled_mask) for turn in episode.turns]
    # The tokens of turn t have the advantages 10 t, 10 t + 1, ...; their mean is 10 t + (n - 1) / 2.
    values = torch.tensor([10.0 * t + k for t, count in enumerate(counts) for k in range(count)])
    minibatch = Minibatch(batch, torch.ones(batch.size), values, None, None, None, None, None)
    (credited,) = _with_advantages(minibatch)
    expected = [10 * t + (count - 1) / 2 if count else None for t, count in enumerate(counts)]
    assert [turn.advantage for turn in credited.turns] == expected
    assert expected[-1] is None
    assert credited.advantage == pytest.approx(float(values.mean()))


def test_logits_in_chunks_train_the_same_weights(tmp_path: Path) -> None:
    common = {"kl": {"coef": 0.1}, "entropy_coef": 0.01, "epochs": 2, "evaluate_every": 0}
    weights = []
    for chunk in (0, 3):
        policy, trainer = trainer_of(tmp_path / str(chunk), config_of(**common, steps=2, logit_chunk=chunk))
        assert policy.logit_chunk == chunk
        trainer.train()
        weights.append(torch.cat([value.flatten() for value in policy.model.state_dict().values()]))
    torch.testing.assert_close(weights[1], weights[0], rtol=0, atol=1e-4)
