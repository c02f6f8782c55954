"""A task taken up where it was left: the memory is brought to where it was by what it was given before."""

from __future__ import annotations

from collections.abc import Iterator

from mem1.inference.base import Section, Tokenizer
from mem1.memory.strategies.state import StateMemory
from mem1.rollout.agent import Agent
from mem1.run.disk.records import StoredTurn
from mem1.run.disk.store import SessionStore
from mem1.types import Completion, FinishReason, SideCall, Turn


async def restore(agent: Agent, store: SessionStore, task: int) -> StoredTurn | None:
    """Bring ``agent``, which was started with the task's prompt, to its last turn; that turn, ``None`` before any.

    ``state`` needs the last turn only; others are shown all of them, with the side calls as they were answered then.
    """
    all_of_them = type(agent.memory) is not StateMemory
    side = store.side_calls(task) if all_of_them else iter(())
    asked = _Replay(agent.engine.tokenizer, side)
    last = None
    for last in store.turns(task, last=None if all_of_them else 1):
        await agent.memory.prepare(asked)
        agent.memory.context()
        agent.memory.read(_completion(last.turn, agent.engine.tokenizer))
        if last.observation is not None:
            agent.memory.observe(last.observation)
    if last is not None:
        agent.resume(last.turn, side_calls=sum(1 for _ in store.side_calls(task)))
    return last


def _completion(turn: Turn, tokenizer: Tokenizer) -> Completion:
    """What was written in ``turn``. Where another tokenizer wrote it, its text in tokens of the present one."""
    ids, length = turn.completion_token_ids, turn.state_length
    if not _same(turn, tokenizer):
        state, action = tokenizer.encode(turn.state), tokenizer.encode(turn.action_text)
        ids, length = (*state, *action), len(state)
    return Completion(
        token_ids=ids,
        logprobs=(0.0,) * len(ids),
        sampled=(True,) * len(ids),
        section_ends=(length,) if length == len(ids) else (length, len(ids)),
        finish=turn.finish,
    )


def _same(turn: Turn, tokenizer: Tokenizer) -> bool:
    try:
        return tokenizer.decode(turn.completion_token_ids) == turn.state + turn.action_text
    except (IndexError, KeyError, OverflowError, ValueError):
        return False


class _Replay:
    """An ``Ask`` that answers with what was answered before."""

    def __init__(self, tokenizer: Tokenizer, calls: Iterator[SideCall]) -> None:
        self.tokenizer = tokenizer
        self._calls = calls

    async def __call__(
        self, purpose: str, prompt: tuple[int, ...], section: Section, *, prefix_length: int
    ) -> Completion:
        ids = next(self._calls).completion_token_ids
        return Completion(
            token_ids=ids,
            logprobs=(0.0,) * len(ids),
            sampled=(True,) * len(ids),
            section_ends=(len(ids),),
            finish=FinishReason.STOP,
        )
