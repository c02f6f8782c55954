"""Failures of a backend that are an episode's, an episode's end, or the end of the run."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mem1.errors import BackendError, ContextLimitError
from mem1.http.errors import DeniedError, UnavailableError
from mem1.inference.endpoint.errors import OverflowingContextError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.rollout.episode import RolloutContext, run_episode
from mem1.rollout.group import run_requests
from mem1.rollout.health import RolloutHealthCheck
from mem1.types import Action, Episode, Observation, Score, StopReason
from tests.unit.rollout.worlds import parts, request

OVER = DeniedError("the server answered 401: no").told("the server answered 401: no", ends_run=True)


def context(error: BaseException | None) -> RolloutContext:
    def write(session: str, text: str) -> str:
        if error is not None:
            raise error
        return "<think>?</think><answer>Rome</answer>"

    return parts(ScriptedEngine(write, CharTokenizer()))


def played(error: BaseException | None) -> Episode:
    return asyncio.run(run_episode(request(), context(error)))


@pytest.mark.parametrize("error", [ContextLimitError("too long"), OverflowingContextError("too long")])
def test_a_context_that_the_backend_cannot_hold_ends_the_episode_there(error: BackendError) -> None:
    episode = played(error)
    assert (episode.stop, episode.error) == (StopReason.CONTEXT_LIMIT, None)
    assert episode.score is not None
    assert episode.reward == 0.0


@pytest.mark.parametrize("error", [UnavailableError("busy"), DeniedError("once"), BackendError("x"), RuntimeError("x")])
def test_what_may_pass_is_one_episodes_failure(error: Exception) -> None:
    episode = played(error)
    assert episode.error is not None
    assert episode.error.type == type(error).__name__


def test_what_cannot_pass_is_no_episodes_failure() -> None:
    with pytest.raises(DeniedError) as caught:
        played(OVER)
    assert caught.value is OVER


def test_a_search_that_cannot_be_had_ends_the_run_too() -> None:
    def refuse(task: object) -> object:
        env = good.make_env(task)  # type: ignore[arg-type]

        async def step(action: Action) -> Observation:
            raise OVER

        env.step = step  # type: ignore[method-assign]
        return env

    good = context(None)
    with pytest.raises(DeniedError):
        asyncio.run(run_episode(request(), replace(good, make_env=refuse)))  # type: ignore[arg-type]


def test_a_judge_that_denies_us_ends_the_run_too() -> None:
    good = context(None)

    def judged(task: object) -> object:
        env = good.make_env(task)  # type: ignore[arg-type]

        def score() -> Score:
            raise OVER

        env.score = score  # type: ignore[method-assign]
        return env

    for waits in (False, True):
        with pytest.raises(DeniedError):
            asyncio.run(
                run_episode(request(), replace(good, make_env=judged, scoring_waits=waits))  # type: ignore[arg-type]
            )


def test_what_was_finished_before_is_delivered() -> None:
    done: list[Episode] = []
    calls = 0

    def write(session: str, text: str) -> str:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise OVER
        return "<think>?</think><answer>Rome</answer>"

    many = [replace(request(), episode_id=f"e{number}") for number in range(600)]
    work = run_requests(many, parts(ScriptedEngine(write, CharTokenizer())), concurrency=1, on_episode=done.append)
    with pytest.raises(DeniedError):
        asyncio.run(work)
    assert (len(done), calls) == (3, 4)


def test_nothing_but_failures_is_told_after_a_dozen() -> None:
    failed, fine = played(RuntimeError("broken")), played(None)
    check = RolloutHealthCheck(what="the evaluation")
    for _ in range(11):
        check.see(failed)
    with pytest.raises(BackendError, match=r"all 12 episodes failed, the first with RuntimeError: broken"):
        check.see(failed)
    mixed = RolloutHealthCheck([fine], what="the evaluation")
    for _ in range(100):
        mixed.see(failed)
