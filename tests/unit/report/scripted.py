"""Episodes played for real by a script, under any memory policy, with tokens that are bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CONTROL_STRINGS, END_OF_TEXT, ByteTokenizer
from mem1.memory.base import MemoryFactory
from mem1.rollout.episode import run_episode
from mem1.storage.vocabulary import Vocabulary
from mem1.types import Episode, Observation, ToolCall
from tests.unit.rollout.worlds import World, parts, request

VOCABULARY = Vocabulary(
    [*(text.encode() for text in (*CONTROL_STRINGS, END_OF_TEXT)), *(bytes((byte,)) for byte in range(256))]
)
WRITTEN = (
    "<think>known: nothing</think><search>Perú</search>",
    "<think>known: Perú found</think><search>Chile</search>",
    "<think>known: Perú and Chile</think><search>Chile</search>",
    "<think>known: all</think><answer>Lima</answer>",
)


def play(memory: MemoryFactory, *, first: str | None = None, written: Sequence[str] = WRITTEN) -> Episode:
    """An episode whose policy writes ``written`` in turn; the environment answers every action with a passage."""
    rest = iter(written)
    engine = ScriptedEngine(lambda *_: next(rest), ByteTokenizer())
    world = World(
        request().task,
        first=Observation(head=first) if first else None,
        shown=lambda action: Observation(
            head=f"passage about {action.text if isinstance(action, ToolCall) else 'nothing'}, long enough"
        ),
    )
    world.max_turns = len(written)
    return asyncio.run(run_episode(request(), replace(parts(engine, lambda _: world), make_memory=memory)))
