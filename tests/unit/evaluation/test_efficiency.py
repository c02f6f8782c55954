"""Costs, worked out by hand on episodes of a few tokens."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mem1.evaluation.efficiency import cached, common_prefix, dependency, efficiency, prefill_reused
from mem1.evaluation.measures import Measure
from mem1.types import Malformed, SideCall, StopReason, tool_call
from tests.unit.evaluation.examples import FINAL, episode, task, turn

# P = (1, 2). Turn 0 sees P and writes 4 tokens; turn 1 sees P + those 4 + 3 observed and writes 2.
GROWING = (
    turn(0, (1, 2), (3, 4, 5, 6), state_length=3),
    turn(1, (1, 2, 3, 4, 5, 6, 7, 8, 9), (10, 11), action=FINAL),
)
# The same, but turn 1 sees P + the last 2 of those 4 + 3 observed.
REWRITTEN = (
    turn(0, (1, 2), (3, 4, 5, 6), state_length=3),
    turn(1, (1, 2, 5, 6, 7, 8, 9), (10, 11), action=FINAL),
)


def test_peak_counts_prompt_and_completion() -> None:
    found = efficiency(episode(GROWING))
    assert found[Measure.PEAK] == 11
    assert found[Measure.PEAK_WITHOUT_PROMPT] == 9
    assert efficiency(episode(REWRITTEN))[Measure.PEAK] == 9


def test_dependency_by_hand() -> None:
    # (2 + 4/2) * 4 + (9 + 2/2) * 2 = 16 + 20
    assert dependency(GROWING) == 36
    assert efficiency(episode(GROWING))[Measure.DEPENDENCY] == 36


def test_dependency_does_not_depend_on_how_a_block_is_split() -> None:
    whole = dependency((turn(0, (1, 2, 3), (4, 5, 6, 7, 8)),))
    parts = dependency((turn(0, (1, 2, 3), (4, 5)), turn(1, (1, 2, 3, 4, 5), (6, 7, 8))))
    assert whole == parts == (3 + 5 / 2) * 5


def test_prefill_with_and_without_a_cache() -> None:
    growing, rewritten = efficiency(episode(GROWING)), efficiency(episode(REWRITTEN))
    assert growing[Measure.PREFILL] == 2 + 9
    assert growing[Measure.PREFILL_REUSED] == 2 + 3
    assert rewritten[Measure.PREFILL] == 2 + 7
    assert rewritten[Measure.PREFILL_REUSED] == 2 + 5  # only P is shared with the turn before
    assert growing[Measure.DECODE] == rewritten[Measure.DECODE] == 6


def test_a_prompt_seen_before_still_costs_one_token() -> None:
    assert prefill_reused((turn(0, (1, 2), (), state_length=0), turn(1, (1, 2), (), state_length=0))) == 3


def test_turns_actions_and_searches() -> None:
    turns = (
        turn(0, (1, 2), (3,), action=tool_call("search", query="a")),
        turn(1, (1, 2), (3,), action=tool_call("open", url="u")),
        turn(2, (1, 2), (3,), action=Malformed(reason="no tag")),
        turn(3, (1, 2), (3,), action=FINAL),
    )
    found = efficiency(episode(turns))
    assert found[Measure.TURNS] == 4
    assert found[Measure.ACTIONS_PER_OBJECTIVE] == 3 / 2
    assert found[Measure.SEARCHES_PER_OBJECTIVE] == 1 / 2
    assert found[Measure.MALFORMED] == 1 / 4
    assert found[Measure.EARLY_STOP] == 0  # two look-ups for two objectives


def test_early_stop_is_the_policys_own_doing() -> None:
    turns = (turn(0, (1, 2), (3,), action=tool_call("click", target="x")), turn(1, (1, 2), (3,), action=FINAL))
    assert efficiency(episode(turns, of=task(1), em=(1,), f1=(1,), answered=(True,)))[Measure.EARLY_STOP] == 0
    assert efficiency(episode(turns))[Measure.EARLY_STOP] == 1
    assert efficiency(episode(turns, stop=StopReason.TURN_LIMIT))[Measure.EARLY_STOP] == 0


def test_state_length_and_forced_closing() -> None:
    turns = (
        turn(0, (1, 2), (3, 4, 5, 6), state_length=3, forced=(2,)),  # the state's closing tag was forced
        turn(1, (1, 2), (3, 4, 5), state_length=1, forced=(2,)),  # only the action's was
    )
    found = efficiency(episode(turns))
    assert found[Measure.STATE_LENGTH] == 2
    assert found[Measure.FORCED] == 0.5


def test_failed_episodes_count_with_what_they_did() -> None:
    found = efficiency(episode(GROWING[:1], stop=StopReason.ERROR))
    assert found[Measure.PEAK] == 6
    assert found[Measure.EARLY_STOP] == 0


def test_without_turns_only_time_is_known() -> None:
    found = efficiency(episode((), stop=StopReason.ERROR, seconds=2.0))
    assert found.keys() == efficiency(episode(GROWING)).keys()
    assert {name for name, value in found.items() if value is not None} == {Measure.SECONDS}


@given(st.lists(st.integers(0, 1), max_size=20), st.lists(st.integers(0, 1), max_size=20))
def test_common_prefix_is_the_longest(left: list[int], right: list[int]) -> None:
    expected = next(
        (k for k, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right))
    )
    assert common_prefix(tuple(left), tuple(right)) == expected


SIDE = SideCall(
    turn=1, purpose="summary", prompt_token_ids=(1, 2, 3, 4), prefix_length=2, completion_token_ids=(9,) * 9
)


def test_side_calls_cost_what_turns_cost() -> None:
    plain = efficiency(episode(REWRITTEN))
    found = efficiency(episode(REWRITTEN).model_copy(update={"side_calls": (SIDE,)}))
    assert found[Measure.TURNS] == plain[Measure.TURNS] == 2
    assert (plain[Measure.SIDE_CALLS], plain[Measure.SIDE_TOKENS]) == (0, 0)
    assert (found[Measure.SIDE_CALLS], found[Measure.SIDE_TOKENS]) == (1, 13)
    assert (found[Measure.PEAK], found[Measure.PEAK_WITHOUT_PROMPT]) == (13, 11)
    assert found[Measure.PREFILL] == 2 + 4 + 7
    assert found[Measure.DECODE] == 4 + 9 + 2
    assert found[Measure.TOKENS] == 13 + 15
    # The side call finds (1, 2, 3) of turn 0 in the cache and must read one; turn 1 then finds (1, 2) of it.
    assert cached((REWRITTEN[0], SIDE, REWRITTEN[1])) == [0, 3, 2]
    assert found[Measure.PREFILL_REUSED] == 2 + 1 + 5
    assert found[Measure.TOKENS_REUSED] == 8 + 15
    assert found[Measure.DEPENDENCY] == (2 + 2) * 4 + (4 + 4.5) * 9 + (7 + 1) * 2


def test_another_engine_keeps_another_cache() -> None:
    other = SIDE.model_copy(update={"by_policy": False})
    assert cached((GROWING[0], other, GROWING[1], other)) == [0, 0, 6, 3]


def test_recalls_are_counted_and_are_no_look_ups() -> None:
    recall = turn(0, (1, 2), (3,), action=tool_call("recall", query="a")).model_copy(update={"by_memory": True})
    turns = (recall, turn(1, (1, 2), (3,), action=FINAL))
    found = efficiency(episode(turns))
    assert found[Measure.RECALLS_PER_OBJECTIVE] == 0.5
    assert found[Measure.ACTIONS_PER_OBJECTIVE] == 1.0
    assert found[Measure.SEARCHES_PER_OBJECTIVE] == 0
    assert found[Measure.EARLY_STOP] == 1
