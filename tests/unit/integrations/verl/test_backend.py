"""Through verl's own FSDP2 engine: gradients, advantages and weights of a loss are those worked out by hand."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.inference.hf.loading import load_model
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ppo import Ppo
from mem1.train.advantages.reinforce_pp import ReinforcePP
from mem1.train.advantages.rloo import Rloo
from mem1.train.backends.base import TrainerBackend
from mem1.train.rows.row import make_rows
from tests.unit.integrations.verl.alone import backend, make_model
from tests.unit.integrations.verl.table import config, episodes, local, prepared


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(tmp_path_factory.mktemp("model"))


def gradients(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: _whole(weight.grad) for name, weight in module.named_parameters() if weight.grad is not None}


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: _whole(weight.detach()) for name, weight in module.named_parameters()}


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    return (tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor).clone()


@pytest.fixture
def kept_gradients(monkeypatch: pytest.MonkeyPatch) -> dict[str, torch.Tensor]:
    """The gradient of verl's next step, before it is clipped; verl lets go of it afterwards."""
    from verl.workers.engine.fsdp.transformer_impl import FSDPEngine

    found: dict[str, torch.Tensor] = {}
    plain = FSDPEngine.optimizer_step

    def watched(self: FSDPEngine) -> float:
        found.update(gradients(self.module))
        norm: float = plain(self)
        return norm

    monkeypatch.setattr(FSDPEngine, "optimizer_step", watched)
    return found


@pytest.mark.parametrize(
    ("keys", "ranks"),
    [
        ({}, 1),
        ({}, 5),
        ({"normalisation": "token"}, 5),
        ({"loss": {"type": "gspo"}}, 1),
        ({"entropy_coef": 0.1}, 5),
        ({"temperature": 0.7}, 5),
    ],
)
def test_the_gradient_through_verls_engine_is_ours(
    model: Path, kept_gradients: dict[str, torch.Tensor], keys: dict[str, Any], ranks: int
) -> None:
    # 12 contexts; for 5 ranks 3 rows are added that weigh nothing.
    train = config(**keys)
    theirs, ours = backend(model, train, ranks=ranks), local(model, train)
    (minibatch,) = prepared(theirs, train)
    seen = theirs.update(minibatch)
    (same,) = prepared(ours, train)
    own: dict[str, torch.Tensor] = {}
    ours.optimizer.register_step_pre_hook(lambda *_: own.update(gradients(ours.policy.model)))
    expected = ours.update(same)
    # Ours are clipped by then, to a norm of 1 where they are longer.
    scale = min(1.0, 1.0 / expected.grad_norm)
    near = 3e-6 if "entropy_coef" in keys else 1e-6  # entropy is worked out by another formula there
    largest = max(float(value.abs().max()) for value in own.values())
    assert own.keys() == kept_gradients.keys()
    for name, value in own.items():
        torch.testing.assert_close(kept_gradients[name] * scale, value, rtol=0, atol=near * largest)
    assert seen.loss == pytest.approx(expected.loss, abs=1e-6)
    assert seen.grad_norm == pytest.approx(expected.grad_norm, rel=1e-5)
    torch.testing.assert_close(seen.logprobs, expected.logprobs, rtol=0, atol=1e-5)


# Rewards 0, 1, 1, 1: mean 3/4, sample deviation 1/2, population deviation sqrt(3)/4. The others' mean: 1 and 2/3.
BY_HAND = [
    (Grpo(scale_by_std=False), (-0.75, 0.25)),
    (Grpo(scale_by_std=True), (-1.5, 0.5)),
    (Rloo(), (-1.0, 1 / 3)),
    (ReinforcePP(subtract_group_mean=True), (-(3**0.5), 1 / 3**0.5)),
    (ReinforcePP(subtract_group_mean=False), (-(3**0.5), 1 / 3**0.5)),
]


@pytest.mark.parametrize(("algorithm", "by_hand"), BY_HAND)
def test_an_advantage_is_an_episodes_whatever_its_number_of_contexts(
    model: Path, algorithm: Algorithm, by_hand: tuple[float, float]
) -> None:
    train = config(algorithm)
    trainer = backend(model, train, ranks=5)
    (minibatch,) = prepared(trainer, train)
    assert len(minibatch.batch.samples) == 12
    starts = minibatch.batch.starts.tolist()
    assert starts == [0, 12, 16, 20, 24]
    for index, (start, end) in enumerate(pairwise(starts)):
        expected = by_hand[0] if index == 0 else by_hand[1]
        assert minibatch.advantages[start:end].tolist() == pytest.approx([expected] * (end - start), abs=1e-5)
        assert float(minibatch.weights[start:end].sum()) == pytest.approx(0.25)  # a quarter of the loss each
    # At ratio 1 the loss is minus the mean over episodes of their advantages.
    assert trainer.update(minibatch).loss == pytest.approx(-(by_hand[0] + 3 * by_hand[1]) / 4, abs=1e-5)


def test_ppo_chains_the_critic_over_contexts(model: Path) -> None:
    train = config(Ppo(whiten=False, gamma=1.0, lam=1.0, critic_lr=1e-2, value_clip=None))
    trainer = backend(model, train, critic=True, ranks=5)
    (minibatch,) = prepared(trainer, train)
    assert minibatch.returns is not None
    assert minibatch.old_values is not None
    # With gamma and lambda 1 what follows a token is the episode's reward, in every context of it.
    expected = [0.0] * 12 + [1.0] * 12
    assert minibatch.returns.tolist() == pytest.approx(expected, abs=1e-5)
    assert (minibatch.advantages + minibatch.old_values).tolist() == pytest.approx(expected, abs=1e-5)
    assert minibatch.old_values.std() > 0
    losses = [trainer.update(minibatch).value_loss for _ in range(8)]
    first = 0.5 * 0.5 * (minibatch.weights * (minibatch.old_values - minibatch.returns).square()).sum()
    assert losses[0] == pytest.approx(float(first), abs=1e-5)
    assert losses[-1] is not None
    assert losses[-1] < 0.5 * float(first)


def test_gae_goes_on_across_a_rewritten_context(model: Path) -> None:
    train = config(Ppo(whiten=False, gamma=0.9, lam=0.8, value_clip=None))
    trainer = backend(model, train, critic=True)
    (minibatch,) = prepared(trainer, train)
    assert minibatch.old_values is not None
    values, start = minibatch.old_values[12:16].tolist(), 12  # the first episode of two turns: two contexts, 4 tokens
    following, expected = 0.0, [0.0] * 4
    for t in (3, 2, 1, 0):
        reward, after = (1.0, 0.0) if t == 3 else (0.0, values[t + 1])
        following = reward + 0.9 * after - values[t] + 0.9 * 0.8 * following
        expected[t] = following
    assert minibatch.advantages[start : start + 4].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("epochs", "minibatches", "steps"), [(1, 1, 1), (1, 2, 2), (2, 2, 4)])
def test_how_many_optimizer_steps_there_are_does_not_depend_on_turns(
    model: Path, epochs: int, minibatches: int, steps: int
) -> None:
    train = config(epochs=epochs, minibatches=minibatches)
    trainer = backend(model, train)
    for parts in (prepared(trainer, train, episodes(group="g"), episodes(group="h")),):
        before = trainer._policy.workers.steps
        for _ in range(epochs):
            for part in parts:
                trainer.update(part)
        assert trainer._policy.workers.steps - before == steps
        assert [len(part.batch.episodes) for part in parts] == [8 // minibatches] * minibatches


def test_a_rate_of_nothing_changes_nothing_and_another_does(model: Path) -> None:
    train = config()
    trainer = backend(model, train)
    module = trainer._policy.workers.actor.engine.module
    (minibatch,) = prepared(trainer, train)
    before = weights(module)
    trainer.set_rate(1.0, critic_only=True)
    trainer.update(minibatch)
    assert all(torch.equal(value, before[name]) for name, value in weights(module).items())
    trainer.set_rate(0.5, critic_only=False)
    trainer.update(minibatch)
    moved = max(float((value - before[name]).abs().max()) for name, value in weights(module).items())
    assert 1e-4 < moved <= 1.01 * 0.5e-3  # AdamW moves a weight by at most about the rate


def test_a_broken_gradient_is_refused_and_the_weights_stay(model: Path) -> None:
    from mem1.errors import ModelError

    train = config()
    trainer = backend(model, train)
    (minibatch,) = prepared(trainer, train)
    module = trainer._policy.workers.actor.engine.module
    before = weights(module)
    minibatch.advantages[0] = float("nan")
    with pytest.raises(ModelError, match="not finite"):
        trainer.update(minibatch)
    assert all(torch.equal(value, before[name]) for name, value in weights(module).items())


def test_neutral_rows_are_enough(model: Path, tmp_path: Path) -> None:
    train = config()
    trainer, ours = backend(model, train), local(model, train)
    assert isinstance(trainer, TrainerBackend)
    group = episodes().episodes
    rows = make_rows(group, {"ga": -0.75, "gb": 0.25, "gc": 0.25, "gd": 0.25}, normalisation="episode")
    for found, expected in zip(trainer.logprobs(rows), ours.logprobs(rows), strict=True):
        assert found == pytest.approx(expected, abs=1e-5)
    assert trainer.step(rows)["grad_norm"] == pytest.approx(ours.step(rows)["grad_norm"], rel=1e-5)


@pytest.mark.parametrize("steps", [0, 2])
def test_what_was_saved_goes_on_as_if_undisturbed(model: Path, tmp_path: Path, steps: int) -> None:
    train = config(Ppo(whiten=False, critic_lr=1e-3))
    one = backend(model, train, critic=True)
    (minibatch,) = prepared(one, train)
    for _ in range(steps):
        one.update(minibatch)
    torch.manual_seed(1)
    one.write(tmp_path, {"torch": torch.get_rng_state()})
    one.update(minibatch)
    torch.manual_seed(9)
    other = backend(model, train, critic=True)
    assert torch.equal(other.read(tmp_path)["torch"], torch.manual_seed(1).get_state())
    other.update(minibatch)
    for group in ("_policy", "_critic"):
        mine, theirs = (_module(getattr(trainer, group).workers) for trainer in (one, other))
        found = weights(theirs)
        assert all(torch.equal(value, found[name]) for name, value in weights(mine).items())


def test_a_saved_model_is_a_plain_folder(model: Path, tmp_path: Path) -> None:
    train = config()
    trainer = backend(model, train)
    (minibatch,) = prepared(trainer, train)
    trainer.update(minibatch)
    trainer.save(tmp_path)
    loaded = dict(load_model(str(tmp_path / "model"), device="cpu").named_parameters())
    for name, value in weights(trainer._policy.workers.actor.engine.module).items():
        assert torch.equal(loaded[name], value)


def _module(workers: object) -> torch.nn.Module:
    worker = workers.worker  # type: ignore[attr-defined]
    found: torch.nn.Module = (worker.actor if hasattr(worker, "actor") else worker).engine.module
    return found
