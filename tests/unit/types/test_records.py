"""Records: lengths are checked at birth, JSON round trips are exact, derived figures are right."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from mem1 import types
from mem1.types import (
    Action,
    Answer,
    Completion,
    Composition,
    Episode,
    EpisodeError,
    EpisodeGroup,
    FinishReason,
    Malformed,
    Objective,
    Observation,
    Record,
    Score,
    SideCall,
    StopReason,
    Task,
    Turn,
    Usage,
    text_tool,
    tool_call,
)

OBJECTIVE = Objective(
    id="o1", question="Capital of Peru?", answers=("Lima",), source="factbook", metadata={"hops": 1, "of": ["PE", None]}
)
TASK = Task(
    id="t1", composition=Composition.PARALLEL, reveal="upfront", split="train", objectives=(OBJECTIVE, OBJECTIVE)
)
COMPLETION: dict[str, Any] = {
    "token_ids": (7, 8, 9),
    "logprobs": (-0.5, -0.1, 0.0),
    "sampled": (True, True, False),
    "section_ends": (2, 3),
    "finish": FinishReason.STOP,
    "policy_version": 4,
}
TURN: dict[str, Any] = {
    "index": 0,
    "prompt_token_ids": (1, 2, 3, 4, 5),
    "prefix_length": 3,
    "completion_token_ids": (7, 8, 9),
    "logprobs": (-0.5, -0.1, 0.0),
    "sampled_mask": (True, True, False),
    "state_length": 2,
    "finish": FinishReason.STOP,
    "policy_version": 4,
    "state": "so far: nothing",
    "action": tool_call("search", query="Peru"),
    "action_text": "<search>Peru</search>",
    "observation": "<information>Lima</information>",
    "observation_length": 6,
}
EPISODE: dict[str, Any] = {
    "id": "e1",
    "group_id": "g1",
    "task": TASK,
    "strategy": "state",
    "turns": (Turn(**TURN),),
    "answers": ("Lima", None),
    "stop": StopReason.TURN_LIMIT,
    "seconds": 0.25,
}
SCORE = Score(metrics={"em": (1.0, None, 0.0), "f1": (1.0, None, 0.5)}, answered=(True, False, True), scorer="standard")
USAGE = Usage(calls=2, prompt_tokens=30, cached_tokens=8, completion_tokens=5, seconds=0.25, cost=0.5)
ERROR = EpisodeError(type="BackendError", message="no answer from the server", traceback="...")
SIDE_CALL = SideCall(
    turn=0,
    purpose="summary",
    prompt_token_ids=(1, 2, 3, 9, 9, 9, 9),
    prefix_length=3,
    completion_token_ids=(4, 5),
    by_policy=False,
    usage=USAGE,
)
EXAMPLES: list[Record] = [
    OBJECTIVE,
    TASK,
    tool_call("search", query="x"),
    text_tool("search", "query", "look it up"),
    Answer(text="a; b"),
    Malformed(reason="no tag"),
    Observation(head="2 turns left", passages=("a", "b"), done=True),
    USAGE,
    Completion(**COMPLETION, exact=False, usage=USAGE),
    Turn(**TURN, exact=False, usage=USAGE),
    ERROR,
    SCORE,
    SIDE_CALL,
    Episode(**EPISODE, side_calls=(SIDE_CALL,), reward=1.0, score=SCORE, advantage=-0.5, seed=11),
    EpisodeGroup(id="g1", episodes=(Episode(**EPISODE),)),
]


def test_there_is_an_example_of_every_record() -> None:
    kinds = {kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, Record)}
    assert kinds - {Record} == {type(example) for example in EXAMPLES}


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_json_round_trips_exactly(record: Record) -> None:
    assert type(record).model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_unknown_fields_are_refused(record: Record) -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(record).model_validate({**record.model_dump(), "no_such_field": 1})


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_records_are_frozen(record: Record) -> None:
    name = next(iter(type(record).model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(record, name, getattr(record, name))


@given(st.lists(st.floats(max_value=0.0, allow_infinity=False, allow_nan=False), max_size=20))
def test_log_probabilities_survive_json_bit_for_bit(logprobs: list[float]) -> None:
    size = len(logprobs)
    completion = Completion(
        token_ids=(1,) * size,
        logprobs=tuple(logprobs),
        sampled=(True,) * size,
        section_ends=(size,),
        finish=FinishReason.EOS,
    )
    copy = Completion.model_validate_json(completion.model_dump_json())
    assert [value.hex() for value in copy.logprobs] == [value.hex() for value in logprobs]


@pytest.mark.parametrize("name", ["token_ids", "logprobs", "sampled"])
def test_a_completion_whose_lengths_differ_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="lengths differ"):
        Completion(**{**COMPLETION, name: COMPLETION[name][:-1]})


def test_a_section_cannot_end_beyond_the_completion() -> None:
    with pytest.raises(ValidationError, match="reach beyond 3 tokens"):
        Completion(**{**COMPLETION, "section_ends": (2, 4)})


@pytest.mark.parametrize("name", ["completion_token_ids", "logprobs", "sampled_mask"])
def test_a_turn_whose_lengths_differ_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="lengths differ"):
        Turn(**{**TURN, name: (*TURN[name], TURN[name][0])})


@pytest.mark.parametrize(
    ("name", "bad"), [("prefix_length", 6), ("prefix_length", -1), ("state_length", 4), ("state_length", -1)]
)
def test_a_turn_whose_parts_do_not_fit_is_refused(name: str, bad: int) -> None:
    with pytest.raises(ValidationError, match=f"{name} {bad} outside"):
        Turn(**{**TURN, name: bad})


@pytest.mark.parametrize(("name", "edge"), [("prefix_length", 0), ("prefix_length", 5), ("state_length", 3)])
def test_the_edges_of_a_turn_are_allowed(name: str, edge: int) -> None:
    assert getattr(Turn(**{**TURN, name: edge}), name) == edge


def test_peak_counts_prompt_and_completion() -> None:
    longer = Turn(**{**TURN, "prompt_token_ids": tuple(range(9)), "prefix_length": 8})
    assert (longer.peak, longer.peak_without_prompt) == (9 + 3, 1 + 3)
    episode = Episode(**{**EPISODE, "turns": (Turn(**TURN), longer)})
    assert (episode.peak, episode.peak_without_prompt) == (12, 5)  # 5 + 3 - 3 from the first turn


def test_an_episode_without_turns_has_peak_zero() -> None:
    episode = Episode(**{**EPISODE, "turns": ()})
    assert (episode.peak, episode.peak_without_prompt) == (0, 0)


def test_unscored_objectives_are_neither_right_nor_wrong() -> None:
    assert (SCORE.total("em"), SCORE.total("f1"), SCORE.coverage) == (1.0, 1.5, 2 / 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_no_number_is_not_scored(bad: float) -> None:
    for values in ((bad, 1.0), (1.0, bad)):
        score = Score(metrics={"em": values}, answered=(True, True), scorer="odd")
        assert score.metrics["em"] == tuple(None if value == bad or value != value else value for value in values)
        assert (score.total("em"), score.coverage) == (1.0, 0.5)


def test_the_first_metric_is_the_main_one_and_stays_so_on_disk() -> None:
    score = Score(metrics={"success": (1.0,), "em": (None,)}, answered=(True,), scorer="shop")
    assert (score.main, score.coverage, score.known("em"), score.total("r_type")) == ("success", 1.0, [], 0)
    assert Score.model_validate_json(score.model_dump_json()).main == "success"


@pytest.mark.parametrize("metrics", [{}, {"EM": (1.0,)}, {"a b": (1.0,)}, {"": (1.0,)}])
def test_a_score_has_metrics_with_plain_names(metrics: dict[str, tuple[float | None, ...]]) -> None:
    with pytest.raises(ValidationError):
        Score(metrics=metrics, answered=(True,), scorer="standard")


def test_scores_of_different_length_are_refused() -> None:
    with pytest.raises(ValidationError, match="lengths differ"):
        Score(metrics={"em": (1.0,), "f1": (1.0, 0.0)}, answered=(True,), scorer="standard")


@pytest.mark.parametrize(
    "change",
    [{"stop": StopReason.ERROR}, {"error": ERROR}],
    ids=["stopped by an error without a record", "error record without the stop"],
)
def test_an_error_and_its_record_belong_together(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="error record exactly when"):
        Episode(**{**EPISODE, **change})


def test_a_failed_episode_has_no_reward() -> None:
    failed = Episode(**{**EPISODE, "stop": StopReason.ERROR, "error": ERROR})
    assert failed.failed
    with pytest.raises(ValidationError, match="no reward"):
        Episode(**{**EPISODE, "stop": StopReason.ERROR, "error": ERROR, "reward": 0.0})


def test_a_group_is_about_one_task() -> None:
    other = Episode(**{**EPISODE, "task": TASK.model_copy(update={"id": "t2"})})
    with pytest.raises(ValidationError, match=r"mixes tasks \['t1', 't2'\]"):
        EpisodeGroup(id="g1", episodes=(Episode(**EPISODE), other))


@pytest.mark.parametrize("raw", [{"type": "shout", "text": "x"}, {"text": "x"}, {"type": "answer", "query": "x"}])
def test_an_action_is_a_call_an_answer_or_malformed(raw: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter[Any](Action).validate_python(raw)


def test_tasks_and_objectives_are_never_empty() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        Objective(id="o", question="?", answers=(), source="s")
    with pytest.raises(ValidationError, match="at least 1"):
        Task(id="t", composition=Composition.MIXED, reveal="upfront", split="train", objectives=())
    assert TASK.size == 2


def test_usage_adds_up_and_a_cost_is_known_only_of_all() -> None:
    one = Usage(calls=1, prompt_tokens=100, cached_tokens=40, completion_tokens=7, seconds=0.5, cost=0.25)
    two = Usage(calls=2, prompt_tokens=30, cached_tokens=0, completion_tokens=5, seconds=0.25, cost=0.5)
    assert one + two == Usage(
        calls=3, prompt_tokens=130, cached_tokens=40, completion_tokens=12, seconds=0.75, cost=0.75
    )
    assert (one + two.model_copy(update={"cost": None})).cost is None


def test_an_episode_sums_the_usage_of_the_turns_that_know_it() -> None:
    episode = Episode(**EPISODE)
    used = Usage(calls=1, prompt_tokens=10, cached_tokens=2, completion_tokens=3, seconds=1.0)
    assert episode.usage is None
    turns = tuple(
        turn.model_copy(update={"usage": usage}) for turn in episode.turns[:1] for usage in (used, None, used)
    )
    assert episode.model_copy(update={"turns": turns}).usage == used + used


def test_side_calls_count_in_peaks_in_cost_and_in_order() -> None:
    later = SIDE_CALL.model_copy(update={"turn": 1, "usage": None})
    first, second = Turn(**TURN), Turn(**{**TURN, "index": 1}, usage=USAGE)
    episode = Episode(**{**EPISODE, "turns": (first, second)}, side_calls=(SIDE_CALL, later))
    assert episode.calls == (SIDE_CALL, first, later, second)
    assert (first.peak, SIDE_CALL.peak) == (8, 9)
    assert (episode.peak, episode.peak_without_prompt) == (9, 6)
    assert episode.usage == USAGE + USAGE
    # The turn that a side call was made for may never have come.
    assert Episode(**EPISODE, side_calls=(later,)).calls == (first, later)


def test_a_side_calls_prefix_lies_inside_its_prompt() -> None:
    with pytest.raises(ValidationError, match="prefix_length 8 outside the prompt of 7"):
        SideCall(**{**SIDE_CALL.model_dump(), "prefix_length": 8})
