"""Episodes of which none got going are told from episodes that scored nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from mem1.errors import BackendError, ConfigError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.rollout.episode import run_episode
from mem1.rollout.health import RolloutHealthCheck
from mem1.types import Episode
from tests.unit.rollout.worlds import parts, request


def episode(write: Callable[[str, str], str], **limits: int) -> Episode:
    return asyncio.run(run_episode(request(), parts(ScriptedEngine(write, CharTokenizer(), **limits))))


def wrong(session: str, context: str) -> str:
    return "<think>?</think><answer>Rome</answer>"


def broken(session: str, context: str) -> str:
    raise RuntimeError("no weights")


def test_a_wrong_answer_is_a_result() -> None:
    RolloutHealthCheck([episode(broken), episode(wrong), episode(wrong, max_context=5)]).check("step 1")


def test_nothing_seen_says_nothing() -> None:
    RolloutHealthCheck().check("step 1")


def test_if_all_failed_the_first_failure_is_told() -> None:
    with pytest.raises(
        BackendError, match=r"^all 2 episodes failed, the first with RuntimeError: no weights"
    ) as caught:
        RolloutHealthCheck([episode(broken), episode(broken)]).check("step 1")
    assert caught.value.where == "step 1"


def test_contexts_without_room_for_a_turn_are_a_wrong_configuration() -> None:
    cramped = episode(wrong, max_context=5)
    assert (cramped.turns, cramped.reward) == ((), 0.0)
    with pytest.raises(ConfigError, match="none of 2 episodes had room for a single turn") as caught:
        RolloutHealthCheck([cramped, episode(broken)]).check("step 1")
    assert caught.value.hint is not None
    assert "engine.max_context" in caught.value.hint
