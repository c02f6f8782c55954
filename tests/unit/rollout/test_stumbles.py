"""Wrong tokens in a demonstration, that are not imitated."""

from __future__ import annotations

import random

from mem1.rollout.stumbles import stumbling
from mem1.types import FinishReason, SideCall, Turn
from mem1.types.actions import Answer

WRITTEN = (50, 51, 52, 53, 54, 55)


def turn(prompt: tuple[int, ...] = (7, 8, 9), written: tuple[int, ...] = WRITTEN) -> Turn:
    return Turn(
        index=0,
        prompt_token_ids=prompt,
        prefix_length=1 if prompt else 0,
        completion_token_ids=written,
        logprobs=(-1.0,) * len(written),
        sampled_mask=(True,) * len(written),
        state_length=min(4, len(written)),
        finish=FinishReason.STOP,
        policy_version=0,
        state="",
        action=Answer(text="x"),
        action_text="",
    )


def test_what_is_imitated_stays_and_what_is_wrong_comes_from_the_prompt() -> None:
    lengths = set()
    for seed in range(60):
        made = stumbling(turn(), random.Random(seed))
        kept = [id_ for id_, sampled in zip(made.completion_token_ids, made.sampled_mask, strict=True) if sampled]
        wrong = [id_ for id_, sampled in zip(made.completion_token_ids, made.sampled_mask, strict=True) if not sampled]
        assert tuple(kept) == WRITTEN
        assert set(wrong) <= {7, 8, 9}
        assert made.completion_token_ids[0] == 50
        assert made.completion_token_ids[-1] == 55
        state = made.completion_token_ids[: made.state_length]
        assert [id_ for id_ in state if id_ >= 50] == [50, 51, 52, 53]
        lengths.add(len(wrong))
    assert {1, 2, 3, 5, 8} <= lengths


def test_a_side_call_stumbles_as_a_turn_does_and_one_that_is_not_imitated_stays() -> None:
    call = SideCall(
        turn=1,
        purpose="summary",
        prompt_token_ids=(7, 8, 9),
        prefix_length=1,
        completion_token_ids=WRITTEN,
        logprobs=(-1.0,) * 6,
        sampled_mask=(True,) * 6,
    )
    made = stumbling(call, random.Random(0))
    right = [id_ for id_, sampled in zip(made.completion_token_ids, made.sampled_mask, strict=True) if sampled]
    assert tuple(right) == WRITTEN
    assert len(made.completion_token_ids) > len(WRITTEN)
    assert len(made.logprobs) == len(made.completion_token_ids)
    assert stumbling(call.untold, random.Random(0)) == call.untold


def test_a_turn_too_short_to_stumble_in_stays() -> None:
    short, alone = turn(written=(50, 51)), turn(prompt=())
    assert stumbling(short, random.Random(0)) is short
    assert stumbling(alone, random.Random(0)) is alone
