"""The only episode loop in the program: training, evaluation, demonstrations and the demo run it.

Each turn: the memory gives a context, the engine writes, the parser reads an action from what was
written, the environment answers, the memory takes the answer in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from mem1.envs.actions import parse_action
from mem1.envs.base import Environment
from mem1.errors import Mem1Error, short_traceback
from mem1.inference.base import Engine, Request
from mem1.memory.base import Memory, MemoryFactory
from mem1.rollout.limits import derive_seed, fits
from mem1.types import Action, Episode, EpisodeError, Malformed, Score, Search, StopReason, Task, Turn


@dataclass(frozen=True, slots=True)
class Job:
    """One episode to run. ``episode_id`` also names the engine's session and must be unique in it."""

    task: Task
    episode_id: str
    group_id: str
    seed: int


@dataclass(frozen=True, slots=True)
class Parts:
    """What every episode of a run shares.

    Attributes:
        engine: The policy.
        make_env: A fresh environment for a task.
        make_memory: A fresh memory for a tokenizer.
        temperature: Of sampling; 0 is greedy.
        reward: The episode's reward from its score.
        actions: The kinds of action that the environment takes.
    """

    engine: Engine
    make_env: Callable[[Task], Environment]
    make_memory: MemoryFactory
    temperature: float
    reward: Callable[[Score], float]
    actions: Collection[str] = ("search", "answer")


class _PartError(Exception):
    """The environment or the engine raised: the episode failed, the program did not."""


@dataclass(slots=True)
class _Run:
    """An episode in the making."""

    job: Job
    parts: Parts
    env: Environment
    memory: Memory
    turns: list[Turn] = field(default_factory=list)

    async def to_end(self) -> StopReason:
        """Take turns until something ends the episode."""
        self.memory.start(*self.env.reset())
        for index in range(self.env.max_turns):
            context, sections = self.memory.context(), self.memory.sections()
            if not fits(len(context), sections, self.parts.engine.max_context):
                return StopReason.CONTEXT_LIMIT
            action, done = await self.turn(index, context)
            if done:
                return StopReason.TURN_LIMIT if isinstance(action, Search | Malformed) else StopReason.ANSWERED
        return StopReason.TURN_LIMIT

    async def turn(self, index: int, context: tuple[int, ...]) -> tuple[Action, bool]:
        """One turn: the action taken, and whether the environment says that the task is over."""
        request = Request(
            prompt=context,
            sections=self.memory.sections(),
            session=self.job.episode_id,
            seed=derive_seed(self.job.seed, index),
            temperature=self.parts.temperature,
            prefix_length=self.memory.prefix_length,
        )
        try:
            completion = await self.parts.engine.generate(request)
        except Exception as error:
            raise _PartError from error
        written = self.memory.read(completion)
        action = parse_action(written.action_text, self.memory.tags.actions, self.parts.actions)
        turn = Turn(
            index=index,
            prompt_token_ids=context,
            prefix_length=self.memory.prefix_length,
            completion_token_ids=completion.token_ids,
            logprobs=completion.logprobs,
            sampled_mask=completion.sampled,
            state_length=written.state_length,
            finish=completion.finish,
            policy_version=completion.policy_version,
            state=written.state,
            action=action,
            action_text=written.action_text,
            objective=self.env.objective,
            exact=completion.exact,
            usage=completion.usage,
        )
        try:
            observation = await self.env.step(action)
        except Exception as error:
            self.turns.append(turn)
            raise _PartError from error
        shown = self.memory.observe(observation)
        self.turns.append(
            turn.model_copy(update={"observation": shown.text, "observation_length": len(shown.token_ids)})
        )
        return action, observation.done


async def run_episode(job: Job, parts: Parts) -> Episode:
    """Run one episode to its end.

    An environment's ``done`` after a search or after nothing well-formed means that it gave up
    waiting (``TURN_LIMIT``), after any other action that this action finished the task
    (``ANSWERED``). Whatever ends an episode but an error, its answers so far are scored.

    A ``Mem1Error``, and any exception raised by the engine's ``generate`` or the environment's
    ``step``, gives an episode with an error record, without score or reward, that keeps the turns
    so far (if it was ``step`` that failed, the last of them has no observation). Any other
    exception is a bug and propagates; so does cancellation.
    """
    began = time.perf_counter()
    run = _Run(job, parts, parts.make_env(job.task), parts.make_memory(parts.engine.tokenizer))
    score: Score | None = None
    error: EpisodeError | None = None
    try:
        stop = await run.to_end()
        score = run.env.score()
    except (Mem1Error, _PartError) as failure:
        stop, error = StopReason.ERROR, _record(failure)
    finally:
        parts.engine.release(job.episode_id)
    return Episode(
        id=job.episode_id,
        group_id=job.group_id,
        task=job.task,
        strategy=run.memory.name,
        turns=tuple(run.turns),
        answers=run.env.answers,
        stop=stop,
        seconds=time.perf_counter() - began,
        reward=None if score is None else parts.reward(score),
        score=score,
        error=error,
        seed=job.seed,
    )


def _record(failure: Mem1Error | _PartError) -> EpisodeError:
    cause = failure.__cause__ if isinstance(failure, _PartError) else failure
    assert cause is not None
    return EpisodeError(type=type(cause).__name__, message=str(cause), traceback=short_traceback(cause))
