"""One task from its first turn, or from where it was left, to its end. Everything is on disk before it counts.

A turn is kept when it was written, before anything is done; a call is marked before it is made, and its result is kept
together with what the policy will see of it. So a process that is killed at any moment finds, when it is started again,
either a turn that is due to be taken, or an action that is due to be done, or a call that was begun: one that changes
something is then not made a second time, and the policy is told that nobody knows what came of it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from mem1.errors import Mem1Error, ends_run
from mem1.http.errors import HttpError
from mem1.inference.base import Engine
from mem1.memory.strategies.state import StateMemory
from mem1.prices import Prices
from mem1.rollout.agent import Agent, NoRoomError, PartError
from mem1.rollout.outside import cleaned
from mem1.run.config import RunConfig
from mem1.run.disk.archive import Archive
from mem1.run.disk.records import Event, Status, TaskRecord
from mem1.run.disk.restore import restore
from mem1.run.disk.store import SessionStore
from mem1.run.limits import Allowance, add
from mem1.run.own_tools import FIND_TOOLS, READ_MORE, RECALL, ToolFinder, cut, read_more, recall
from mem1.run.shown import Shower
from mem1.run.start.fit import fit_memory
from mem1.run.start.offers import make_space
from mem1.run.start.prompt import render
from mem1.tools.base import ToolResult
from mem1.tools.toolbox import Toolbox
from mem1.types import Answer, Malformed, Observation, ToolCall, Turn

Tell = Callable[[Event], None]
_LONGEST_WAIT = 60.0  # seconds between two tries of an engine that fails
_UNSURE = "Nobody knows whether it took effect. It is not made again by itself: look first, then decide."


@dataclass(frozen=True, slots=True)
class Session:
    """What the tasks of a session share."""

    store: SessionStore
    config: RunConfig
    engine: Engine
    toolbox: Toolbox
    tell: Tell


class TaskRun:
    """Runs ``task``; see the module."""

    def __init__(self, session: Session, task: TaskRecord) -> None:
        self._session, self._task = session, task
        self._store, config = session.store, session.config
        self._archive = Archive(session.store, task.number)
        tokenizer = session.engine.tokenizer
        space = make_space(config, session.toolbox.specs, tokenizer)
        self._finder = ToolFinder([tool for tool in space.specs if tool.name in space.untold])
        sketch = config.memory.build()(tokenizer, space)
        self._prompt = task.prompt or render(task.text, sketch.actions, config.memory.tags, tokenizer)
        described = sketch.actions.describe() if space.form == "json" else ""
        length = len(tokenizer.encode(f"{self._prompt}\n{described}"))
        self._memory = fit_memory(config.memory, tokenizer, space, length, session.engine.max_context)
        self._agent = Agent(
            session.engine,
            self._memory.build()(tokenizer, space),
            session=f"task-{task.number}",
            seed=config.seed,
            temperature=config.temperature,
        )
        budgets = self._memory.budgets
        self._show = Shower(tokenizer, config.memory.tags, self._agent.actions.control_strings, budgets.observation)
        prices: Prices | None = getattr(config.engine, "prices", None)
        written = budgets.state + budgets.action
        largest = length + (self._agent.memory.bound() or session.engine.max_context - length) - written
        self._allowance = Allowance(config.limits, prices, largest, written)
        self._prices = prices

    async def run(self) -> TaskRecord:
        """The task when it is over. Raises ``BackendError`` where the engine stays away: it can be taken up later."""
        try:
            return await self._run()
        except Mem1Error as error:
            if ends_run(error) or not _tasks_own(error):
                raise
            return self._end(Status.FAILED, error=cleaned(str(error)))
        finally:
            self._agent.release()

    async def _run(self) -> TaskRecord:
        self._agent.start(self._prompt)
        last = await restore(self._agent, self._store, self._task.number)
        self._keep(status=Status.RUNNING, prompt=self._prompt, stop=None, error=None)
        if last is not None and last.observation is None and await self._settle(last.turn):
            return self._task
        while True:
            stop = self._allowance.exhausted(self._task.spent)
            if stop is not None:
                return self._end(Status.ENDED, stop=stop)
            try:
                turn = await self._take_turn()
            except NoRoomError:
                return self._end(Status.ENDED, stop="context")
            if await self._settle(turn):
                return self._task
            self._agent.let_go()

    # ------------------------------------------------------------ a turn

    async def _take_turn(self) -> Turn:
        """The next turn, on disk. Raises ``NoRoomError`` where there is none even without the last result."""
        began = time.perf_counter()
        try:
            turn = await self._patiently()
        except NoRoomError:
            if not self._agent.taken or type(self._agent.memory) is not StateMemory:
                raise
            # The server counts more tokens than we do: the result gives way, it can be read at its address.
            self._agent.observe(Observation(head=f"(no room here: read r{self._agent.taken} with read_more)"))
            turn = await self._patiently()
        side = self._agent.side_calls
        spent = add(self._task.spent, turn, side, self._prices, time.perf_counter() - began)
        self._task = self._task.model_copy(update={"spent": spent})
        self._store.add_turn(self._task, turn, side)
        return turn

    async def _patiently(self) -> Turn:
        """Ask the engine, again and again while it fails in a way that may pass. Raises what it raised last."""
        waited, wait = 0.0, 1.0
        while True:
            try:
                return await self._agent.act()
            except PartError as failure:
                cause = failure.__cause__
                assert isinstance(cause, Exception)
                left = self._session.config.limits.patience - waited
                if _tasks_own(cause) or not isinstance(cause, Mem1Error) or left <= 0:
                    raise cause from None
                self._note(f"the engine failed, asked again in {min(wait, left):.0f} s: {cause.what}")
            await asyncio.sleep(min(wait, left))
            waited, wait = waited + min(wait, left), min(wait * 2, _LONGEST_WAIT)

    async def _settle(self, turn: Turn) -> bool:
        """Do what the turn says; whether the task is over."""
        match turn.action:
            case Answer(text=text):
                known, unknown = self._archive.cited(text)
                self._keep(status=Status.ANSWERED, answer=text, sources=known, unknown_sources=unknown)
                self._show_turn(turn, "")
                return True
            case Malformed(reason=reason):
                observation, result = Observation(head=reason, tail=self._tail()), None
            case ToolCall() as call:
                observation, result = await self._do(call, turn.index)
        number = turn.index + 1
        with self._store.transaction():
            if result is not None:
                observation = self._shown(result, call, number)
            self._archive.keep(f"p{number}", number, turn.state, f"your page of turn {number}")
            self._store.set_observation(self._task.number, turn.index, observation)
        self._show_turn(self._agent.observe(observation), observation.head)
        return False

    async def _do(self, call: ToolCall, n: int) -> tuple[Observation, ToolResult | None]:
        """What a call brings: an observation of our own tools, else a result that is still to be kept."""
        tail, text = self._tail(), next(iter(call.arguments.values()), "")
        match call.name:
            case RECALL.name:
                return recall(self._archive, self._show, str(text), n + 1, tail), None
            case READ_MORE.name:
                return read_more(self._archive, self._show, str(text), tail), None
            case FIND_TOOLS.name:
                return self._finder(str(text), tail), None
        if call.name not in self._session.toolbox:
            return Observation(head=f"{call.name} is not to be had any more", tail=tail), None
        changes = self._session.toolbox.changes(call.name)
        begun = self._store.call(self._task.number, n)
        if begun is not None and begun.changes:
            return Observation(head=""), ToolResult(f"The program was stopped during the call. {_UNSURE}", call.name)
        if begun is None:
            self._store.begin_call(self._task.number, n, call.name, call.arguments, changes)
        result = await self._session.toolbox.call(call.name, call.arguments)
        if result.unsure:
            result = ToolResult(f"{result.text}. {_UNSURE}", result.source, failed=True)
        return Observation(head=""), result

    def _shown(self, result: ToolResult, call: ToolCall, number: int) -> Observation:
        """Keep a result whole, and show what there is room for."""
        block = self._archive.keep(f"r{number}", number, result.text, result.source)
        again = "" if block.address == f"r{number}" else ", the same as before"
        head = f"[{block.address}] {'failed: ' if result.failed else ''}{_short(result.source)}{again}"
        text = result.text[: self._show.widest]
        return self._show(
            head, text, lambda n: cut(block.address, n, block.length), self._tail(), whole=len(result.text)
        )

    # ------------------------------------------------------------ words and records

    def _tail(self) -> str:
        left = self._allowance.turns_left(self._task.spent)
        return "Turns left: 1. The next turn is the last: answer." if left == 1 else f"Turns left: {left}."

    def _end(self, status: Status, *, stop: str | None = None, error: str | None = None) -> TaskRecord:
        self._keep(status=status, stop=stop, error=error)
        self._note(f"ended: {stop or error}")
        return self._task

    def _keep(self, **changes: object) -> None:
        self._task = self._store.save_task(self._task.model_copy(update=changes))

    def _note(self, text: str) -> None:
        task = self._task
        self._session.tell(
            Event(
                task=task.number, text=task.text, status=task.status, turn=task.spent.turns, spent=task.spent, note=text
            )
        )

    def _show_turn(self, turn: Turn, shown: str) -> None:
        task, bound = self._task, self._agent.memory.bound()
        event = Event(
            task=task.number,
            text=task.text,
            status=task.status,
            turn=turn.index + 1,
            state=turn.state,
            action=turn.action,
            shown=shown,
            context=turn.peak,
            bound=None if bound is None else turn.prefix_length + bound,
            spent=task.spent,
            dropped=(f"p{turn.index}", f"r{turn.index}") if turn.index else (),
        )
        self._session.tell(event)


def _tasks_own(error: BaseException) -> bool:
    """Whether the engine refuses this task, and may well do another."""
    return isinstance(error, HttpError) and not error.passing and not error.ends_run


def _short(text: str, most: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[:most]}..."
