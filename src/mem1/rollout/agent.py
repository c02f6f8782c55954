"""An agent: a memory, an engine, and the form in which actions are written. It needs no environment.

    agent.start(prompt, first)
    turn = await agent.act()          # what is to be done is turn.action
    agent.observe(observation)        # what came of it

Each turn: the memory gives a context, the engine writes, what was written is parsed. What the memory can answer itself
never leaves the agent. Between turns a memory may ask an engine for something: a side call.
"""

from __future__ import annotations

from pydantic import ValidationError

from mem1.actions import ActionFormat
from mem1.errors import ContextLimitError, ends_run
from mem1.inference.base import Engine, Request, Section, Tokenizer
from mem1.inference.chat import wrap_prompt
from mem1.memory.base import Memory
from mem1.metering import meter
from mem1.rollout.limits import derive_seed, fits
from mem1.rollout.outside import check_text, no_completion
from mem1.types import Completion, Observation, SideCall, Turn


class PartError(Exception):
    """The engine or the environment raised ``__cause__``: the episode failed, the program did not."""


class NoRoomError(Exception):
    """The next call might need more context than there is."""


class Agent:
    """Takes turns in one episode.

    Args:
        engine: The policy.
        memory: Decides the contexts; a fresh one. Its ``actions`` are how the policy writes what it does.
        session: Names the episode; unique in the engine.
        seed: Of everything sampled.
        temperature: Of sampling; 0 is greedy.
        side_engine: Who is asked in side calls; ``None``: the policy.
        cap: Most tokens of prompt and completion less |P|, beside the engine's own limit.
    """

    def __init__(
        self,
        engine: Engine,
        memory: Memory,
        *,
        session: str,
        seed: int = 0,
        temperature: float = 1.0,
        side_engine: Engine | None = None,
        cap: int | None = None,
    ) -> None:
        self.memory = memory
        self._writer = _Writer(engine, session, temperature, cap)
        self._side = _SideCalls(side_engine or engine, self._writer, seed)
        self._seed = seed
        self._turns: list[Turn] = []
        self._let_go = 0

    @property
    def engine(self) -> Engine:
        """The policy."""
        return self._writer.engine

    @property
    def actions(self) -> ActionFormat:
        """What can be done and how it is written."""
        return self.memory.actions

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns so far that were not let go; the last has no observation while none was observed."""
        return tuple(self._turns)

    @property
    def taken(self) -> int:
        """How many turns were taken, those that were let go among them."""
        return self._let_go + len(self._turns)

    @property
    def side_calls(self) -> tuple[SideCall, ...]:
        """The side calls so far."""
        return tuple(self._side.made)

    def start(self, prompt: str, first: Observation | None = None) -> None:
        """Begin with the task prompt P and, if there is one, a first observation.

        Where actions are JSON the tools stand behind the prompt, as such models expect.
        """
        if first is not None:
            check_text(first)
        if self.actions.space.form == "json":
            prompt = f"{prompt.rstrip()}\n{self.actions.describe()}\n"
        self.memory.start(wrap_prompt(self.engine.tokenizer, prompt), first)

    async def act(self, objective: int = 0) -> Turn:
        """Take turns until there is an action that is not the memory's to answer; its turn is returned.

        ``objective`` is noted in the turns.

        Raises:
            NoRoomError: The context is full.
            PartError: The engine failed, from what it raised.
        BackendError: It failed in a way after which no call can succeed.
        """
        while True:
            await self.memory.prepare(self._side.of(self.taken))
            turn = await self._turn(objective)
            self._turns.append(turn)
            recalled = await self.memory.respond(turn.action)
            if recalled is None:
                return turn
            self._turns[-1] = turn.model_copy(update={"by_memory": True})
            self.observe(recalled)

    def observe(self, observation: Observation) -> Turn:
        """Take in what came of the last action; returns its turn, now whole."""
        shown = self.memory.observe(observation)
        whole = {"observation": shown.text, "observation_length": len(shown.token_ids)}
        self._turns[-1] = self._turns[-1].model_copy(update=whole)
        return self._turns[-1]

    def resume(self, last: Turn, *, side_calls: int = 0) -> None:
        """Go on behind the turn ``last`` of a session that was left, its memory being as it was then.

        ``side_calls``: how many were made before.
        """
        self._let_go, self._turns = last.index, [last]
        self._side.begin_at(side_calls)

    def let_go(self) -> None:
        """Keep the last turn only, and no side calls: the turns of a session without end lie elsewhere."""
        self._let_go += max(0, len(self._turns) - 1)
        del self._turns[:-1]
        self._side.let_go()

    def release(self) -> None:
        """Let the engines forget the session."""
        for engine in {id(one): one for one in (self.engine, self._side.engine)}.values():
            engine.release(self._writer.session)

    async def _turn(self, objective: int) -> Turn:
        index, memory = self.taken, self.memory
        context, prefix_length = memory.context(), memory.prefix_length
        seed = derive_seed(self._seed, index)
        completion = await self._writer(self.engine, context, memory.sections(), prefix_length, seed)
        written = memory.read(completion)
        without = {tool.name for tool in memory.tools}.difference(memory.offers)
        text = written.state + written.action_text if self.actions.whole else written.action_text
        return Turn(
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
            action=self.actions.parse(text, without),
            action_text=written.action_text,
            objective=objective,
            exact=completion.exact,
            usage=completion.usage,
        )


class _Writer:
    """Asks engines, if there is room for all that they may write."""

    def __init__(self, engine: Engine, session: str, temperature: float, cap: int | None) -> None:
        self.engine = engine
        self.session = session
        self._temperature = temperature
        self._cap = cap

    async def __call__(
        self, engine: Engine, prompt: tuple[int, ...], sections: tuple[Section, ...], prefix_length: int, seed: int
    ) -> Completion:
        limits = [engine.max_context]
        if self._cap is not None:
            limits.append(prefix_length + self._cap)
        if not fits(len(prompt), sections, min(limits)):
            raise NoRoomError
        request = Request(
            prompt=prompt,
            sections=sections,
            session=self.session,
            seed=seed,
            temperature=self._temperature,
            prefix_length=prefix_length,
        )
        counts = meter() if getattr(engine, "is_model", True) else None
        try:
            if counts is not None:
                counts.begins()
            completion = await engine.generate(request)
            if counts is not None:
                counts.ended(len(prompt), len(completion.token_ids), completion.usage)
            return completion
        except ContextLimitError as error:
            raise NoRoomError from error
        except ValidationError as error:
            raise PartError from no_completion(engine, error)
        except Exception as error:
            if ends_run(error):
                raise
            raise PartError from error


class _SideCalls:
    """What a memory asks for side calls (an ``Ask``): they are made, and recorded."""

    def __init__(self, engine: Engine, writer: _Writer, seed: int) -> None:
        self.engine = engine
        self.made: list[SideCall] = []
        self._writer = writer
        self._seed = seed
        self._turn = 0
        self._before = 0

    def begin_at(self, count: int) -> None:
        """``count`` were made before."""
        self._before = count

    def let_go(self) -> None:
        """Keep none of those made."""
        self._before += len(self.made)
        self.made.clear()

    def of(self, turn: int) -> _SideCalls:
        """Those before turn number ``turn``."""
        self._turn = turn
        return self

    @property
    def tokenizer(self) -> Tokenizer:
        """Of the engine that is asked."""
        return self.engine.tokenizer

    async def __call__(
        self, purpose: str, prompt: tuple[int, ...], section: Section, *, prefix_length: int
    ) -> Completion:
        """A side call of the memory's, recorded."""
        seed = derive_seed(self._seed, "side", self._before + len(self.made))
        completion = await self._writer(self.engine, prompt, (section,), prefix_length, seed)
        by_policy = self.engine is self._writer.engine
        known = by_policy and completion.exact
        self.made.append(
            SideCall(
                turn=self._turn,
                purpose=purpose,
                prompt_token_ids=prompt,
                prefix_length=prefix_length,
                completion_token_ids=completion.token_ids,
                by_policy=by_policy,
                usage=completion.usage,
                logprobs=completion.logprobs if known else (),
                sampled_mask=completion.sampled if known else (),
                policy_version=completion.policy_version,
            )
        )
        return completion
