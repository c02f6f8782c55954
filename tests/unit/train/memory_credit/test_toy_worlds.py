"""The worlds of `benchmarks/credit.py` record what they sampled, and ask as their policies answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from benchmarks.toys.carry import Carry, probe
from benchmarks.toys.policy import small_policy
from benchmarks.toys.questions import Questions
from mem1.train.memory_credit.writes import writes
from mem1.train.rows.batch import make_batch
from mem1.types import EpisodeGroup
from tests.semantics.test_exactness import flat


def played(world: str) -> tuple[list[EpisodeGroup], float]:
    """A rollout, and how far what it reports is from what the policy says of it, in nats."""
    policy = small_policy(32, seed=0)
    worlds: dict[str, Callable[[int], list[EpisodeGroup]]] = {
        "questions": Questions(policy, objectives=3, groups=2, size=2),
        "carried": Carry(policy, rewrites=2, size=2),
        "aside": Carry(policy, rewrites=1, size=2, side_calls=True),
    }
    groups = worlds[world](0)
    batch = make_batch([one for group in groups for one in group.episodes], capacity=64)
    with torch.no_grad():
        return groups, (flat(policy, batch) - batch.rollout_logprobs).abs().max().item()


@pytest.mark.parametrize("world", ["questions", "carried", "aside"])
def test_what_is_recorded_is_what_was_sampled(world: str) -> None:
    assert played(world)[1] < 1e-5


def test_the_answer_is_asked_for_where_it_is_given() -> None:
    episode = played("carried")[0][0].episodes[0]
    last = episode.turns[-1]
    write = writes(episode)[-2]
    assert write is not None
    assert write.prompt + write.after == last.prompt_token_ids
    asked = probe(episode.task, 0)
    assert asked.token_ids[:1] == last.completion_token_ids[:1]
    assert asked.spans == ((1, 2),)


def test_a_page_written_aside_is_trained_with_the_turn_it_was_written_for() -> None:
    episode = played("aside")[0][0].episodes[0]
    (call,) = episode.side_calls
    assert len(episode.turns) == 1
    assert call.completion_token_ids == episode.turns[0].prompt_token_ids[1:]


def test_each_seed_of_the_questions_draws_for_itself() -> None:
    policy = small_policy(32, seed=0)

    def written(seed: int) -> list[tuple[int, ...]]:
        groups = Questions(policy, objectives=3, groups=2, size=2, seed=seed)(0)
        return [turn.completion_token_ids for group in groups for one in group.episodes for turn in one.turns]

    assert written(0) == written(0)
    assert written(0) != written(1)
