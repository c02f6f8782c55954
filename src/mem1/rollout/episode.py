"""The only episode loop in the program: training, evaluation, demonstrations and the demo run it.

Each turn: the memory gives a context, the engine writes, the parser reads an action from what was
written, the environment answers (or the memory itself, an action it offers), the memory takes the answer in. Between
turns a memory may ask an engine for something: a side call.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from pydantic import ValidationError

from mem1.envs.actions import ActionForm, parse_action
from mem1.envs.base import Environment
from mem1.errors import ContextLimitError, Mem1Error, ends_run, short_traceback
from mem1.inference.base import Engine, Request, Section, Tokenizer
from mem1.inference.chat import wrap_prompt
from mem1.memory.base import Memory, MemoryFactory
from mem1.rollout.limits import derive_seed, fits
from mem1.rollout.outside import check_text, cleaned, no_completion
from mem1.types import (
    Action,
    Completion,
    Episode,
    EpisodeError,
    Malformed,
    Observation,
    Recall,
    Score,
    Search,
    SideCall,
    StopReason,
    Task,
    Turn,
)


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
        make_memory: A fresh memory for a tokenizer.
        temperature: Of sampling; 0 is greedy.
        reward: The episode's reward from its score; ``None`` where the score leaves it open.
        actions: The kinds of action that the environment takes.
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
    actions: Collection[str] = ("search", "answer")
    side_engine: Engine | None = None
    cap: int | None = None
    form: ActionForm = "tags"
    scoring_waits: bool = False


class _PartError(Exception):
    """The environment or the engine raised: the episode failed, the program did not."""


class _NoRoomError(Exception):
    """The next call might need more context than there is."""


@dataclass(slots=True)
class _Run:
    """An episode in the making; also what its memory asks for side calls (an ``Ask``)."""

    request: RolloutRequest
    parts: RolloutContext
    env: Environment
    memory: Memory
    turns: list[Turn] = field(default_factory=list)
    side_calls: list[SideCall] = field(default_factory=list)

    @property
    def side_engine(self) -> Engine:
        """Who is asked in side calls."""
        return self.parts.side_engine or self.parts.engine

    @property
    def tokenizer(self) -> Tokenizer:
        """Of the engine that is asked in side calls."""
        return self.side_engine.tokenizer

    async def __call__(
        self, purpose: str, prompt: tuple[int, ...], section: Section, *, prefix_length: int
    ) -> Completion:
        """A side call of the memory's, recorded."""
        number = len(self.side_calls)
        seed = derive_seed(self.request.seed, "side", number)
        completion = await self._generate(self.side_engine, prompt, (section,), prefix_length, seed)
        self.side_calls.append(
            SideCall(
                turn=len(self.turns),
                purpose=purpose,
                prompt_token_ids=prompt,
                prefix_length=prefix_length,
                completion_token_ids=completion.token_ids,
                by_policy=self.side_engine is self.parts.engine,
                usage=completion.usage,
            )
        )
        return completion

    async def to_end(self) -> StopReason:
        """Take turns until something ends the episode. What the memory answers itself costs none of them."""
        prompt, first = self.env.reset()
        if first is not None:
            check_text(first)
        self.memory.start(wrap_prompt(self.parts.engine.tokenizer, prompt), first)
        steps = 0
        try:
            while steps < self.env.max_turns:
                await self.memory.prepare(self)
                action, observation, recalled = await self.turn(len(self.turns))
                steps += not recalled
                if observation.done:
                    gave_up = observation.spent or isinstance(action, Search | Recall | Malformed)
                    return StopReason.TURN_LIMIT if gave_up else StopReason.ANSWERED
        except _NoRoomError:
            return StopReason.CONTEXT_LIMIT
        return StopReason.TURN_LIMIT

    async def turn(self, index: int) -> tuple[Action, Observation, bool]:
        """One turn: the action, what came back, and whether it was the memory that answered."""
        context, prefix_length = self.memory.context(), self.memory.prefix_length
        seed = derive_seed(self.request.seed, index)
        completion = await self._generate(self.parts.engine, context, self.memory.sections(), prefix_length, seed)
        written = self.memory.read(completion)
        allowed = (*self.parts.actions, *self.memory.offers)
        action = parse_action(written.action_text, self.memory.tags.actions, allowed, self.parts.form)
        turn = Turn(
            index=index,
            prompt_token_ids=context,
            prefix_length=prefix_length,
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
        recalled = await self.memory.respond(action)
        observation = recalled if recalled is not None else await self._step(turn, action)
        shown = self.memory.observe(observation)
        self.turns.append(
            turn.model_copy(update={"observation": shown.text, "observation_length": len(shown.token_ids)})
        )
        return action, observation, recalled is not None

    async def _generate(
        self, engine: Engine, prompt: tuple[int, ...], sections: tuple[Section, ...], prefix_length: int, seed: int
    ) -> Completion:
        """Ask an engine, if there is room for all that it may write."""
        limits = [engine.max_context]
        if self.parts.cap is not None:
            limits.append(prefix_length + self.parts.cap)
        if not fits(len(prompt), sections, min(limits)):
            raise _NoRoomError
        request = Request(
            prompt=prompt,
            sections=sections,
            session=self.request.episode_id,
            seed=seed,
            temperature=self.parts.temperature,
            prefix_length=prefix_length,
        )
        try:
            return await engine.generate(request)
        except ContextLimitError as error:
            raise _NoRoomError from error
        except ValidationError as error:
            raise _PartError from no_completion(engine, error)
        except Exception as error:
            if ends_run(error):
                raise
            raise _PartError from error

    async def _step(self, turn: Turn, action: Action) -> Observation:
        """Let the environment act; if it fails, the turn is kept without an observation."""
        try:
            observation = await self.env.step(action)
            check_text(observation)
            return observation
        except Exception as error:
            if ends_run(error):
                raise
            self.turns.append(turn)
            raise _PartError from error


async def run_episode(request: RolloutRequest, parts: RolloutContext) -> Episode:
    """Run one episode to its end.

    An environment's ``done`` after a search or after nothing well-formed, or with ``spent``, means that it gave up
    waiting (``TURN_LIMIT``), after any other action that this action finished the task
    (``ANSWERED``). Whatever ends an episode but an error, its answers so far are scored.

    A ``Mem1Error``, and any exception raised by the engine's ``generate`` (in a side call too) or the environment's
    ``step``, gives an episode with an error record, without score or reward, that keeps the turns
    so far (if it was ``step`` that failed, the last of them has no observation). An error after which no episode can
    succeed (``BackendError.ends_run``: a wrong key, a service that is gone) propagates and ends the run. Any other
    exception is a bug and propagates; so does cancellation.
    """
    began = time.perf_counter()
    run = _Run(request, parts, parts.make_env(request.task), parts.make_memory(parts.engine.tokenizer))
    score: Score | None = None
    error: EpisodeError | None = None
    try:
        stop = await run.to_end()
        score = await asyncio.to_thread(run.env.score) if parts.scoring_waits else run.env.score()
    except (Mem1Error, _PartError) as failure:
        if ends_run(failure):
            raise
        stop, error = StopReason.ERROR, _record(failure)
    finally:
        parts.engine.release(request.episode_id)
        if parts.side_engine is not None:
            parts.side_engine.release(request.episode_id)
    return Episode(
        id=request.episode_id,
        group_id=request.group_id,
        task=request.task,
        strategy=run.memory.name,
        turns=tuple(run.turns),
        side_calls=tuple(run.side_calls),
        answers=run.env.answers,
        stop=stop,
        seconds=time.perf_counter() - began,
        reward=None if score is None else parts.reward(score),
        score=score,
        error=error,
        seed=request.seed,
    )


def _record(failure: Mem1Error | _PartError) -> EpisodeError:
    cause = failure.__cause__ if isinstance(failure, _PartError) else failure
    assert cause is not None
    return EpisodeError(
        type=type(cause).__name__, message=cleaned(str(cause)), traceback=cleaned(short_traceback(cause))
    )
