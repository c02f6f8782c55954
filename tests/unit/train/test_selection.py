"""What is trained on, what is left out, and how it is divided."""

from __future__ import annotations

import math
import random
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.errors import DataError
from mem1.train.selection import select, split
from mem1.types import Episode, EpisodeError, EpisodeGroup, StopReason
from tests.e2e.toy import PROMPTS, toy_episode


def episode(name: str, reward: float | None, *, turns: int = 1) -> Episode:
    made = toy_episode(name, PROMPTS[0], [([7], [-1.0])] * turns, 0.0)
    return made.model_copy(update={"reward": reward})


def failed(name: str) -> Episode:
    error = EpisodeError(type="BackendError", message="down")
    return episode(name, None).model_copy(update={"stop": StopReason.ERROR, "error": error})


def group(*episodes: Episode) -> EpisodeGroup:
    return EpisodeGroup(id=episodes[0].id, episodes=episodes)


def names(groups: tuple[tuple[Episode, ...], ...]) -> list[list[str]]:
    return [[e.id for e in g] for g in groups]


def test_failed_and_unscored_episodes_are_counted_and_left_out() -> None:
    found = select([group(episode("a", 1), failed("b"), episode("c", 0), episode("d", None))], compare_in_groups=True)
    assert names(found.groups) == [["a", "c"]]
    assert (found.episodes, found.failed, found.unscored) == (4, 1, 1)
    assert found.signal


def test_groups_without_signal_are_dropped_only_where_groups_are_compared() -> None:
    groups = [group(episode("a", 1), episode("b", 1)), group(episode("c", 0), episode("d", 1))]
    found = select(groups, compare_in_groups=True)
    assert names(found.groups) == [["c", "d"]]
    assert (found.groups_seen, found.without_signal) == (2, 1)
    assert names(select(groups, compare_in_groups=False).groups) == [["a", "b"], ["c", "d"]]


def test_signal_between_groups_counts_only_without_group_baselines() -> None:
    groups = [group(episode("a", 1), episode("b", 1)), group(episode("c", 0), episode("d", 0))]
    assert not select(groups, compare_in_groups=True).signal
    assert select(groups, compare_in_groups=False).signal


def test_a_failure_can_take_a_groups_signal_away() -> None:
    found = select([group(episode("a", 1), failed("b"))], compare_in_groups=True)
    assert (found.groups, found.without_signal, found.signal) == ((), 1, False)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_is_unscored_in_any_place(bad: float) -> None:
    members = [("a", 1.0), ("b", bad), ("c", 0.0)]
    for order in permutations(members):
        found = select([group(*(episode(*one) for one in order))], compare_in_groups=True)
        assert (found.unscored, found.without_signal, found.signal) == (1, 0, True)
        assert sorted(names(found.groups)[0]) == ["a", "c"]
    lone = select([group(episode("a", 1), episode("b", bad))], compare_in_groups=True)
    assert (lone.groups, lone.unscored, lone.without_signal, lone.signal) == ((), 1, 1, False)


def test_groups_of_equal_sums_are_kept_where_a_part_differs() -> None:
    amounts = {"a": (1.0, 0.0), "b": (0.0, 1.0), "c": (1.0, 0.0), "d": (1.0, 0.0)}
    groups = [group(episode("a", 1), episode("b", 1)), group(episode("c", 1), episode("d", 1))]
    assert not select(groups, compare_in_groups=True).groups
    found = select(groups, compare_in_groups=True, amounts=lambda one: amounts[one.id])
    assert names(found.groups) == [["a", "b"]]
    assert (found.without_signal, found.signal) == (1, True)


def test_a_masked_episode_counts_in_baselines_and_is_not_trained_on() -> None:
    groups = [group(episode("a", 1), episode("b", 0))]
    found = select(groups, compare_in_groups=True, masked=lambda one: one.id == "b")
    assert names(found.groups) == [["a", "b"]]
    assert names(found.trainable) == [["a"]]
    assert found.masked == {"b"}


def test_an_episode_without_tokens_counts_in_baselines_and_is_not_trained_on() -> None:
    found = select([group(episode("a", 1), episode("b", 0, turns=0))], compare_in_groups=True)
    assert names(found.groups) == [["a", "b"]]
    assert names(found.trainable) == [["a"]]


def test_the_same_id_twice_is_refused() -> None:
    with pytest.raises(DataError, match="same id"):
        select([group(episode("a", 1), episode("a", 0))], compare_in_groups=True)


def test_split_keeps_groups_together_while_there_are_enough() -> None:
    groups = [tuple(episode(f"{g}{e}", 0) for e in range(3)) for g in range(4)]
    parts = split(groups, 2, rng=random.Random(0))
    assert [len(part) for part in parts] == [6, 6]
    assert sorted({e.id[0] for part in parts for e in part}) == ["0", "1", "2", "3"]
    assert not {e.id[0] for e in parts[0]} & {e.id[0] for e in parts[1]}


@given(st.integers(1, 6), st.integers(0, 5), st.integers(1, 4), st.integers(0, 3))
def test_the_number_of_minibatches_does_not_depend_on_turns(parts: int, groups: int, size: int, seed: int) -> None:
    def made(turns: random.Random) -> list[tuple[Episode, ...]]:
        return [tuple(episode(f"{g}-{e}", 0, turns=turns.randint(1, 5)) for e in range(size)) for g in range(groups)]

    divided = [
        [[e.id for e in part] for part in split(made(random.Random(t)), parts, rng=random.Random(seed))] for t in (1, 2)
    ]
    assert divided[0] == divided[1]
    assert len(divided[0]) == min(parts, groups * size)
    assert sorted(name for part in divided[0] for name in part) == sorted(
        e.id for g in made(random.Random(0)) for e in g
    )
