"""What every memory policy promises, checked over all of them on random conversations."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.inference.base import Request, Tokenizer
from mem1.inference.scripted import ScriptedEngine
from mem1.inference.toy_tokenizer import ByteTokenizer, CharTokenizer
from mem1.memory.base import Memory, MemoryFactory
from mem1.memory.config import FullMemoryConfig, StateMemoryConfig, WindowMemoryConfig
from mem1.memory.format import Budgets
from mem1.types import Completion, Observation
from tests.unit.inference.bpe import bpe

BUDGETS = Budgets(state=24, action=18, observation=40)
FACTORIES: dict[str, MemoryFactory] = {
    "full": FullMemoryConfig(budgets=BUDGETS).build(),
    "window": WindowMemoryConfig(budgets=BUDGETS, window=30).build(),
    "state": StateMemoryConfig(budgets=BUDGETS).build(),
    "state without state": StateMemoryConfig(budgets=BUDGETS, carry=("action", "observation")).build(),
    "state without action": StateMemoryConfig(budgets=BUDGETS, carry=("state", "observation")).build(),
}
TOKENIZERS: dict[str, Tokenizer] = {"characters": CharTokenizer(), "bytes": ByteTokenizer(control=()), "bpe": bpe()}

TEXT = st.lists(
    st.sampled_from(["<think>", "</think>", "<search>", "</search>", "</information>", "<|end|>", "é", "word ", "<"]),
    max_size=20,
).map("".join)
TURNS = st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, max_size=2)), max_size=5)


def write(memory: Memory, tokenizer: Tokenizer, text: str) -> Completion:
    engine = ScriptedEngine(lambda *_: text, tokenizer)
    return asyncio.run(engine.generate(Request(memory.context(), memory.sections(), session="s")))


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS.keys())
@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
@settings(max_examples=20, deadline=None)
@given(first=st.none() | TEXT, turns=TURNS)
def test_contract(
    factory: MemoryFactory, tokenizer: Tokenizer, first: str | None, turns: list[tuple[str, str, list[str]]]
) -> None:
    memory = factory(tokenizer)
    assert isinstance(memory, Memory)
    assert memory.name
    prompt = "The task."
    memory.start(prompt, None if first is None else Observation(head=first))
    prefix = tuple(tokenizer.encode(prompt))
    bound = memory.bound()
    for text, head, passages in turns:
        context = memory.context()
        assert context[: memory.prefix_length] == prefix  # P comes first, in every context
        assert memory.context() == context  # looking changes nothing
        completion = write(memory, tokenizer, text)
        if bound is not None:
            assert len(context) + len(completion.token_ids) - memory.prefix_length <= bound
        written = memory.read(completion)
        assert written.state + written.action_text == tokenizer.decode(completion.token_ids)
        assert 0 <= written.state_length <= len(completion.token_ids)
        shown = memory.observe(Observation(head=head, passages=tuple(passages)))
        assert len(shown.token_ids) <= BUDGETS.observation
        assert tokenizer.decode(shown.token_ids) == shown.text
        tail = memory.context()[memory.prefix_length :][-len(shown.token_ids) :]
        assert shown.token_ids[-len(tail) :] == tail  # what came back is the newest thing in sight


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
def test_a_memory_can_start_again(factory: MemoryFactory) -> None:
    tokenizer = TOKENIZERS["characters"]
    memory = factory(tokenizer)
    memory.start("first", Observation(head="old"))
    memory.read(write(memory, tokenizer, "<think>old</think><search>old</search>"))
    memory.observe(Observation(head="old"))
    memory.start("second", None)
    assert tokenizer.decode(memory.context()) == "second"
