"""The only episode loop in the program: an agent and an environment, in turns.

Training, evaluation, demonstrations and the demo run it. How a turn is taken only the agent knows; what comes of it,
and when it is over, only the environment.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from mem1.actions import ActionForm, ActionSpace
from mem1.envs.base import Environment
from mem1.errors import Mem1Error, ends_run, short_traceback
from mem1.inference.base import Engine
from mem1.memory.base import MemoryFactory
from mem1.memory.config import for_size
from mem1.rollout.agent import Agent, NoRoomError, PartError
from mem1.rollout.outside import check_text, cleaned
from mem1.types import Action, Episode, EpisodeError, Malformed, Observation, Score, StopReason, Task


@dataclass(frozen=True, slots=True)
class RolloutRequest:
    """One episode to run. ``episode_id`` also names the engine's session and must be unique in it."""

    task: Task
    episode_id: str
    group_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class RolloutContext:
    """What every episode of a run shares.

    Attributes:
        engine: The policy.
        make_env: A fresh environment for a task.
        make_memory: A fresh memory for a tokenizer and what can be done.
        temperature: Of sampling; 0 is greedy.
        reward: The episode's reward from its score; ``None`` where the score leaves it open.
        side_engine: Who is asked in side calls; ``None``: the policy.
        cap: Most tokens of prompt and completion less |P|; where a turn or a side call might need more, the episode
            ends as at the end of the model's context.
        form: How the policy writes actions.
        scoring_waits: Scoring asks somebody outside (a judge): it is done in a thread, and others take their turns
            meanwhile. What computes is scored at once, so that a run can be repeated bit for bit.
    """

    engine: Engine
    make_env: Callable[[Task], Environment]
    make_memory: MemoryFactory
    temperature: float
    reward: Callable[[Score], float | None]
    side_engine: Engine | None = None
    cap: int | None = None
    form: ActionForm = "tags"
    scoring_waits: bool = False

    def agent(self, env: Environment, *, session: str, seed: int) -> Agent:
        """A fresh agent for what can be done in ``env``."""
        space = ActionSpace(env.tools, env.takes_answer, self.form)
        return Agent(
            self.engine,
            for_size(self.make_memory, env.task.size)(self.engine.tokenizer, space),
            session=session,
            seed=seed,
            temperature=self.temperature,
            side_engine=self.side_engine,
            cap=self.cap,
        )


async def run_episode(request: RolloutRequest, parts: RolloutContext) -> Episode:
    """Run one episode to its end.

    An environment's ``done`` after nothing well-formed, or with ``spent``, means that it gave up waiting
    (``TURN_LIMIT``), else that the last action finished the task (``ANSWERED``). Whatever ends an episode but an error,
    its answers so far are scored.

    A ``Mem1Error``, and any exception raised by the engine's ``generate`` (in a side call too) or the environment's
    ``step``, gives an episode with an error record, without score or reward, that keeps the turns
    so far (if it was ``step`` that failed, the last of them has no observation). An error after which no episode can
    succeed (``BackendError.ends_run``: a wrong key, a service that is gone) propagates and ends the run. Any other
    exception is a bug and propagates; so does cancellation.
    """
    began = time.perf_counter()
    env = parts.make_env(request.task)
    agent = parts.agent(env, session=request.episode_id, seed=request.seed)
    score: Score | None = None
    error: EpisodeError | None = None
    try:
        stop = await _to_end(agent, env)
        score = await asyncio.to_thread(env.score) if parts.scoring_waits else env.score()
    except (Mem1Error, PartError) as failure:
        if ends_run(failure):
            raise
        stop, error = StopReason.ERROR, _record(failure)
    finally:
        agent.release()
    return Episode(
        id=request.episode_id,
        group_id=request.group_id,
        task=request.task,
        strategy=agent.memory.name,
        turns=agent.turns,
        side_calls=agent.side_calls,
        answers=env.answers,
        stop=stop,
        seconds=time.perf_counter() - began,
        reward=None if score is None else _finite(parts.reward(score)),
        score=score,
        error=error,
        seed=request.seed,
    )


def _finite(reward: float | None) -> float | None:
    """What is no number, or none that can be compared, is a reward that is not known."""
    return reward if reward is not None and math.isfinite(reward) else None


async def _to_end(agent: Agent, env: Environment) -> StopReason:
    """Take turns until something ends the episode. What the memory answers itself costs none of them."""
    agent.start(*env.reset())
    for _ in range(env.max_turns):
        try:
            turn = await agent.act(env.objective)
        except NoRoomError:
            return StopReason.CONTEXT_LIMIT
        observation = await _step(env, turn.action)
        agent.observe(observation)
        if observation.done:
            gave_up = observation.spent or isinstance(turn.action, Malformed)
            return StopReason.TURN_LIMIT if gave_up else StopReason.ANSWERED
    return StopReason.TURN_LIMIT


async def _step(env: Environment, action: Action) -> Observation:
    try:
        observation = await env.step(action)
        check_text(observation)
        return observation
    except Exception as error:
        if ends_run(error):
            raise
        raise PartError from error


def _record(failure: Mem1Error | PartError) -> EpisodeError:
    cause = failure.__cause__ if isinstance(failure, PartError) else failure
    assert cause is not None
    return EpisodeError(
        type=type(cause).__name__, message=cleaned(str(cause)), traceback=cleaned(short_traceback(cause))
    )
