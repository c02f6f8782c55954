"""A block that is thought in but not carried."""

from __future__ import annotations

import asyncio

import pytest

from mem1.inference.base import Request, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.tags import Tags
from mem1.types import Observation

TAGS = Tags(state="summary")


def carried(tokenizer: Tokenizer, written: str, scratch: str | None = "think") -> str:
    """What the second context holds beside the prompt, after ``written`` and an observation."""
    config = StateMemoryConfig(tags=TAGS, carry=("state", "observation"), scratch=scratch)
    memory = config.build()(tokenizer)
    memory.start("P.", None)
    engine = ScriptedEngine(lambda *_: written, tokenizer)
    memory.read(asyncio.run(engine.generate(Request(memory.context(), memory.sections(), session="s"))))
    memory.observe(Observation(head="seen"))
    return tokenizer.decode(memory.context()[memory.prefix_length :])


@pytest.mark.parametrize("tokenizer", [CharTokenizer(), ByteTokenizer(control=())], ids=["control ids", "plain bytes"])
def test_the_summary_is_carried_and_the_thought_is_not(tokenizer: Tokenizer) -> None:
    written = "<think> é hard </think><summary> red </summary><answer> click[8] </answer>"
    seen = "<information>seen</information>"
    assert carried(tokenizer, written) == f"<summary> red </summary>{seen}"
    assert carried(tokenizer, written, scratch=None) == f"<think> é hard </think><summary> red </summary>{seen}"


def test_a_thought_that_never_ends_stays() -> None:
    written = "<think> hard <summary> red </summary><answer> click[8] </answer>"
    assert carried(CharTokenizer(), written).startswith("<think> hard <summary> red </summary>")
