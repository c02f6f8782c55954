"""What every memory policy promises, checked over all of them on random conversations."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.imports import imports
from mem1.inference.base import Request, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.memory.base import Memory, MemoryFactory
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.notes import NotesMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_gated import GatedStateMemoryConfig
from mem1.memory.strategies.state_recall import RecallMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.registry import every
from mem1.types import Answer, Completion, Observation, tool_call
from tests.unit.inference.bpe import bpe
from tests.unit.memory.asks import Asked

BUDGETS = Budgets(state=24, action=18, observation=40)
with imports(True):
    BY_EMBEDDING = NotesMemoryConfig(budgets=BUDGETS, notes=40, note=12, embedder="tests.unit.memory.asks:letters")
FACTORIES: dict[str, MemoryFactory] = {
    "full": FullMemoryConfig(budgets=BUDGETS).build(),
    "window": WindowMemoryConfig(budgets=BUDGETS, window=30).build(),
    "state": StateMemoryConfig(budgets=BUDGETS).build(),
    "state without state": StateMemoryConfig(budgets=BUDGETS, carry=("action", "observation")).build(),
    "state without action": StateMemoryConfig(budgets=BUDGETS, carry=("state", "observation")).build(),
    "state with look-back": RecallMemoryConfig(budgets=BUDGETS).build(),
    "summary": SummaryMemoryConfig(budgets=BUDGETS, summary=30, instruction="Sum up.").build(),
    "summary now and then": SummaryMemoryConfig(budgets=BUDGETS, summary=30, history=150).build(),
    "notes": NotesMemoryConfig(budgets=BUDGETS, notes=40, note=12).build(),
    "notes of the turn": NotesMemoryConfig(budgets=BUDGETS, notes=40, note=12, write="turn").build(),
    "notes by embedding": BY_EMBEDDING.build(),
    "state_gated with quotes": GatedStateMemoryConfig(budgets=BUDGETS, instruction="Edit.", quotes=True).build(),
}
# Whatever else is registered is tried as it comes.
FACTORIES |= {
    one.type: one.model_copy(update={"budgets": BUDGETS}).build()
    for one in every("memory", MemoryConfig)
    if one.type not in {"full", "window", "state", "state_recall", "summary", "notes"}
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
@given(first=st.none() | TEXT, turns=TURNS, said=TEXT)
def test_contract(
    factory: MemoryFactory, tokenizer: Tokenizer, first: str | None, turns: list[tuple[str, str, list[str]]], said: str
) -> None:
    memory = factory(tokenizer)
    assert isinstance(memory, Memory)
    assert memory.name
    prompt = "The task."
    memory.start(prompt, None if first is None else Observation(head=first))
    prefix = tuple(tokenizer.encode(prompt))
    bound = memory.bound()
    asked = Asked(tokenizer, said * 9)
    for text, head, passages in turns:
        asyncio.run(memory.prepare(asked))
        context = memory.context()
        assert context[: memory.prefix_length] == prefix  # P comes first, in every context
        assert memory.context() == context  # looking changes nothing
        completion = write(memory, tokenizer, text)
        if bound is not None:
            assert len(context) + len(completion.token_ids) - memory.prefix_length <= bound
        written = memory.read(completion)
        assert written.state + written.action_text == tokenizer.decode(completion.token_ids)
        assert 0 <= written.state_length <= len(completion.token_ids)
        assert (
            asyncio.run(memory.respond(tool_call("search", query=text))) is None
        )  # what it does not offer is not its own
        shown = memory.observe(Observation(head=head, passages=tuple(passages)))
        assert len(shown.token_ids) <= BUDGETS.observation
        assert tokenizer.decode(shown.token_ids) == shown.text
        asyncio.run(memory.prepare(asked))
        tail = memory.context()[memory.prefix_length :][-len(shown.token_ids) :]
        assert shown.token_ids[-len(tail) :] == tail  # what came back is the newest thing in sight
    assert bound is None or all(call.peak_without_prompt <= bound for call in asked.calls)
    assert all(call.prompt_token_ids[: call.prefix_length] == prefix for call in asked.calls)


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
def test_a_memory_can_start_again(factory: MemoryFactory) -> None:
    tokenizer = TOKENIZERS["characters"]
    memory = factory(tokenizer)
    memory.start("first", Observation(head="old"))
    memory.read(write(memory, tokenizer, "<think>old</think><search>old</search>"))
    memory.observe(Observation(head="old"))
    memory.start("second", None)
    fresh = factory(tokenizer)
    fresh.start("second", None)
    assert memory.context() == fresh.context()
    assert "old" not in tokenizer.decode(memory.context())


@pytest.mark.parametrize("factory", FACTORIES.values(), ids=FACTORIES.keys())
def test_what_a_memory_answers_itself_comes_to_an_end(factory: MemoryFactory) -> None:
    memory = factory(TOKENIZERS["characters"])
    memory.start("P", None)
    for _ in range(3):
        answered = 0
        while "recall" in memory.offers:
            assert asyncio.run(memory.respond(tool_call("recall", query="x"))) is not None
            answered += 1
            assert answered < 100
        assert asyncio.run(memory.respond(Answer(text="y"))) is None
