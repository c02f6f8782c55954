"""Imitation of demonstrations."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from mem1.errors import CheckpointError, DataError
from mem1.storage.metrics import read_metrics
from mem1.train.config import LoraConfig, OptimizerConfig, WarmstartConfig
from mem1.train.policy.adapters import add_adapter
from mem1.train.policy.policy import Policy
from mem1.train.warmstart import emphasised, repeated, warm_start
from mem1.types import Episode, EpisodeError, SideCall, StopReason
from tests.e2e.toy import PROMPTS, TARGET, demonstrations, tiny_policy, toy_episode, toy_run

CONFIG = WarmstartConfig(
    steps=40, episodes_per_step=4, optimizer=OptimizerConfig(lr=2e-2, schedule="cosine"), evaluate_every=20
)


def only_target() -> list[Episode]:
    return [toy_episode(f"d{i}", PROMPTS[i % 2], [([TARGET, TARGET], [0.0, 0.0])] * 2, 1.0) for i in range(6)]


def test_repeats_in_a_new_order_and_can_be_entered_anywhere() -> None:
    sequence = repeated(demonstrations(), seed=3)
    ids = [e.id for e in islice(sequence(0), 36)]
    assert [e.id for e in islice(sequence(17), 19)] == ids[17:]
    rounds = [ids[start : start + 12] for start in (0, 12, 24)]
    assert all(sorted(r) == sorted(e.id for e in demonstrations()) for r in rounds)
    assert rounds[0] != rounds[1]
    assert ids != [e.id for e in islice(repeated(demonstrations(), seed=4)(0), 36)]


def test_no_demonstrations_is_an_error() -> None:
    with pytest.raises(DataError, match="no demonstrations"):
        repeated([], seed=0)


def test_learns_to_write_what_was_demonstrated(tmp_path: Path) -> None:
    policy = tiny_policy()
    outcome = warm_start(
        policy,
        repeated(only_target(), seed=0),
        CONFIG,
        toy_run(tmp_path / "run"),
        held_out=only_target()[:2],
        evaluate=lambda step: {"double": 2.0 * step},
    )
    assert outcome.step == 40
    rows = list(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    trained = [row for row in rows if "warmstart/loss" in row]
    assert len(trained) == 40
    assert trained[0]["warmstart/loss"] == pytest.approx(math.log(12), abs=0.3)  # a random model guesses
    assert trained[-1]["warmstart/loss"] < 0.1
    evaluated = [row for row in rows if "evaluation/loss" in row]
    assert [(row["step"], row["evaluation/double"]) for row in evaluated] == [(0, 0.0), (20, 40.0), (40, 80.0)]
    assert evaluated[-1]["evaluation/loss"] < 0.1
    with torch.no_grad():
        assert policy.model(input_ids=torch.tensor([PROMPTS[0]])).logits[0, -1].argmax().item() == TARGET


def test_forced_tokens_are_not_learnt(tmp_path: Path) -> None:
    """Every completion ends in a forced token 0; the policy must not have learnt to write it after the target."""
    policy = tiny_policy()
    ids = torch.tensor([[*PROMPTS[0], TARGET, TARGET]])
    warm_start(policy, repeated(only_target(), seed=0), CONFIG, toy_run(tmp_path / "run"))
    with torch.no_grad():
        after = policy.model(input_ids=ids).logits[0, -1].softmax(-1)[0].item()
    assert after < 1 / 12


def test_the_longest_beginning_that_is_named_says_how_much_a_token_counts() -> None:
    pieces = [b"(1)", b"(", b" (1)", b"x", "é".encode()]
    assert emphasised(pieces, {"(": 3.0, "(1": 5.0, "é": 2.0}).tolist() == [5.0, 3.0, 1.0, 1.0, 2.0]


def test_emphasised_tokens_count_more_and_all_of_them_sum_to_one(tmp_path: Path) -> None:
    """One token that counts thrice beside one that counts once: three quarters and a quarter of the loss."""
    policy, other = tiny_policy(), TARGET - 1
    shown = toy_episode("d", PROMPTS[0], [([TARGET, other], [0.0, 0.0])], 1.0)
    with torch.no_grad():
        said = policy.model(input_ids=torch.tensor([[*PROMPTS[0], TARGET]])).logits[0, -2:].log_softmax(-1)
    expected = -(3 * said[0, TARGET] + said[1, other]).item() / 4
    pieces = [b"t" if token == TARGET else b"o" for token in range(policy.model.config.vocab_size)]
    config = CONFIG.model_copy(update={"steps": 1, "episodes_per_step": 1, "emphasis": {"t": 3.0}})
    warm_start(policy, repeated([shown], seed=0), config, toy_run(tmp_path / "run"), pieces=lambda: pieces)
    (row,) = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "warmstart/loss" in row]
    assert row["warmstart/loss"] == pytest.approx(expected, abs=1e-5)


def test_a_side_call_that_is_demonstrated_counts_as_a_turn_does_and_another_not_at_all(tmp_path: Path) -> None:
    """Three tokens in two contexts: the turn's, which the side call goes on from, and that of the turn after it."""
    policy, other = tiny_policy(), TARGET - 1
    shown = toy_episode("d", PROMPTS[0], [([TARGET], [0.0]), ([other], [0.0])], 1.0)
    asked = (*PROMPTS[0], *shown.turns[0].completion_token_ids, 6)
    call = SideCall(
        turn=1,
        purpose="summary",
        prompt_token_ids=asked,
        prefix_length=len(PROMPTS[0]),
        completion_token_ids=(other,),
        logprobs=(0.0,),
        sampled_mask=(True,),
    )

    def loss(prompt: tuple[int, ...], wanted: int) -> float:
        with torch.no_grad():
            logits = policy.model(input_ids=torch.tensor([prompt])).logits[0, -1]
        return float(-logits.log_softmax(-1)[wanted])

    turns = loss(PROMPTS[0], TARGET) + loss(shown.turns[1].prompt_token_ids, other)
    for made, expected in ((call, (turns + loss(asked, other)) / 3), (call.untold, turns / 2)):
        config = CONFIG.model_copy(update={"steps": 1, "episodes_per_step": 1})
        told = shown.model_copy(update={"side_calls": (made,)})
        run = toy_run(tmp_path / str(len(made.sampled_mask)))
        warm_start(copy.deepcopy(policy), repeated([told], seed=0), config, run)
        (row,) = [row for row in read_metrics(run.path / "metrics.jsonl") if "warmstart/loss" in row]
        assert row["warmstart/loss"] == pytest.approx(expected, abs=1e-5)


def test_texts_that_are_named_and_cannot_be_told_are_refused(tmp_path: Path) -> None:
    config = CONFIG.model_copy(update={"emphasis": {"t": 3.0}})
    with pytest.raises(ValueError, match="hand over the tokens' pieces"):
        warm_start(tiny_policy(), repeated(only_target(), seed=0), config, toy_run(tmp_path / "run"))


def test_a_failed_demonstration_is_refused(tmp_path: Path) -> None:
    error = EpisodeError(type="X", message="y")
    bad = only_target()[0].model_copy(update={"reward": None, "stop": StopReason.ERROR, "error": error})
    with pytest.raises(DataError, match="failed"):
        warm_start(tiny_policy(), repeated([bad], seed=0), CONFIG, toy_run(tmp_path / "run"))


def test_running_out_is_an_error(tmp_path: Path) -> None:
    def finite(start: int) -> islice[Episode]:
        return islice(iter(only_target()), start, None)

    with pytest.raises(DataError, match="ran out after 6"):
        warm_start(tiny_policy(), finite, CONFIG, toy_run(tmp_path / "run"))


def adapted_policy() -> Policy:
    policy = tiny_policy()
    add_adapter(policy.model, LoraConfig(r=2, alpha=4, dropout=0.3), base="toy", seed=1)
    return policy


def stop_after(step: int) -> Callable[[int], None]:
    def on_weights(done: int) -> None:
        if done == step:
            raise KeyboardInterrupt

    return on_weights


@pytest.mark.parametrize("make", [tiny_policy, adapted_policy], ids=["full", "adapter with dropout"])
def test_resumed_is_the_same_bit_for_bit_as_undisturbed(tmp_path: Path, make: Callable[[], Policy]) -> None:
    config = CONFIG.model_copy(update={"steps": 8, "checkpoint_every": 3})
    peaceful, policy = make(), make()
    start = {name: value.clone() for name, value in peaceful.model.state_dict().items()}
    warm_start(peaceful, repeated(demonstrations(), seed=1), config, toy_run(tmp_path / "peaceful"))
    for stop in (2, 5):
        policy = make()
        warm_start(
            policy,
            repeated(demonstrations(), seed=1),
            config,
            toy_run(tmp_path / "run"),
            on_weights=stop_after(stop),
            resume=True,
        )
    policy = make()
    warm_start(policy, repeated(demonstrations(), seed=1), config, toy_run(tmp_path / "run"), resume=True)
    expected = peaceful.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in policy.model.state_dict().items())
    moved = {name for name, value in expected.items() if not torch.equal(value, start[name])}
    assert moved
    if make is adapted_policy:
        assert all(".lora_" in name for name in moved), "the model itself stays as it is"
    last = "checkpoints/step-000008/model"
    for file in sorted((tmp_path / "peaceful" / last).iterdir()):
        assert (tmp_path / "run" / last / file.name).read_bytes() == file.read_bytes()


def test_an_adapter_learns_to_write_what_was_demonstrated(tmp_path: Path) -> None:
    policy = adapted_policy()
    optimizer = OptimizerConfig(lr=1e-1, warmup=5)
    config = CONFIG.model_copy(update={"steps": 60, "optimizer": optimizer})
    warm_start(policy, repeated(only_target(), seed=0), config, toy_run(tmp_path / "run"), held_out=only_target()[:2])
    losses = [
        row["evaluation/loss"] for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "evaluation/loss" in row
    ]
    assert losses[0] == pytest.approx(math.log(12), abs=0.3)
    assert losses[-1] < losses[0] - 0.1, "as far as the small embeddings, which stay as they are, let it fall"


def test_dropout_on_a_head_that_is_computed_again_is_on_both_times(tmp_path: Path) -> None:
    policy = tiny_policy()
    add_adapter(policy.model, LoraConfig(r=2, dropout=0.3, targets=("lm_head",)), base="toy", seed=1)
    modes: list[bool] = []
    (dropout,) = policy.model.lm_head.lora_dropout.values()
    dropout.register_forward_hook(lambda part, given, out: modes.append(part.training))
    trained: list[list[bool]] = []

    def note(step: int) -> None:
        trained.append(modes.copy())
        modes.clear()

    config = CONFIG.model_copy(update={"steps": 1, "evaluate_every": 0, "logit_chunk": 3})
    warm_start(policy, repeated(demonstrations(), seed=1), config, toy_run(tmp_path / "run"), on_weights=note)
    assert len(trained[-1]) > 4
    assert all(trained[-1])


@pytest.mark.parametrize("make", [tiny_policy, adapted_policy], ids=["full", "adapter with dropout"])
def test_more_steps_on_resume_end_as_if_asked_for_at_once(tmp_path: Path, make: Callable[[], Policy]) -> None:
    constant = OptimizerConfig(lr=2e-2, warmup=3, schedule="constant")
    few = CONFIG.model_copy(update={"steps": 5, "optimizer": constant, "evaluate_every": 3})
    many = few.model_copy(update={"steps": 9})
    at_once, policy = make(), make()
    held_out = demonstrations()[:2]
    shown = repeated(demonstrations(), seed=1)
    warm_start(at_once, shown, many, toy_run(tmp_path / "once"), held_out=held_out)
    warm_start(make(), shown, few, toy_run(tmp_path / "run"), held_out=held_out)
    outcome = warm_start(policy, shown, many, toy_run(tmp_path / "run"), held_out=held_out, resume=True)
    assert outcome.step == 9
    expected = at_once.model.state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in policy.model.state_dict().items())
    rows = [
        [
            {name: value for name, value in row.items() if not name.startswith(("seconds/", "speed/"))}
            for row in read_metrics(tmp_path / run / "metrics.jsonl")
        ]
        for run in ("once", "run")
    ]
    assert rows[0] == rows[1], "not even the evaluation at the former end is left"
    with pytest.raises(CheckpointError, match="steps"):
        warm_start(make(), shown, few, toy_run(tmp_path / "run"), resume=True)


def test_more_steps_are_refused_where_the_rate_depends_on_their_number(tmp_path: Path) -> None:
    few = CONFIG.model_copy(update={"steps": 3})
    shown = repeated(demonstrations(), seed=1)
    warm_start(tiny_policy(), shown, few, toy_run(tmp_path / "run"))
    with pytest.raises(CheckpointError, match="different: steps"):
        warm_start(tiny_policy(), shown, few.model_copy(update={"steps": 4}), toy_run(tmp_path / "run"), resume=True)
