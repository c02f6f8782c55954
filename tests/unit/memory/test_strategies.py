"""What each strategy's contexts hold, turn by turn, written out."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from mem1.config import Config, build
from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.inference.sections import SectionTracker
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.base import Memory, ParsedTurn
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.types import Completion, Observation
from tests.unit.inference.bpe import bpe

TOKENIZER = CharTokenizer()
BUDGETS = Budgets(state=20, action=10, observation=12)


def complete(memory: Memory, text: str, tokenizer: Tokenizer = TOKENIZER) -> Completion:
    tracker = SectionTracker(tokenizer, memory.sections())
    for token_id in tokenizer.encode(text):
        if tracker.feed(token_id).finish is not None:
            break
    else:
        tracker.cut()
    return tracker.completion()


def contexts(memory: Memory, first: Observation | None = None) -> list[str]:
    """Contexts of three turns: a, b, c are written, 1, 2 come back."""
    memory.start("P", first)
    seen = []
    for letter, back in (("a", "1"), ("b", "2"), ("c", "3")):
        seen.append(TOKENIZER.decode(memory.context()))
        memory.read(complete(memory, f"<think>{letter}</think><search>{letter}</search>"))
        assert memory.observe(Observation(head=back)).text == f"<information>{back}</information>"
    assert memory.prefix_length == 1
    return seen


A = "<think>a</think><search>a</search>"
B = "<think>b</think><search>b</search>"
ONE, TWO = "<information>1</information>", "<information>2</information>"


def test_state_keeps_the_last_turn_only() -> None:
    memory = StateMemoryConfig(budgets=BUDGETS).build()(TOKENIZER)
    assert contexts(memory) == ["P", "P" + A + ONE, "P" + B + TWO]
    assert memory.bound() == 2 * (20 + 10) + 12


def test_first_observation_is_in_the_first_context_only() -> None:
    memory = StateMemoryConfig(budgets=BUDGETS).build()(TOKENIZER)
    first = Observation(head="Q")
    assert contexts(memory, first) == ["P<information>Q</information>", "P" + A + ONE, "P" + B + TWO]
    full = FullMemoryConfig(budgets=BUDGETS).build()(TOKENIZER)
    assert contexts(full, first)[1] == "P<information>Q</information>" + A + ONE


@pytest.mark.parametrize(
    ("carry", "second", "bound"),
    [
        (["state", "observation"], "P<think>a</think>" + ONE, 20 + 12 + 30),
        (["action", "observation"], "P<search>a</search>" + ONE, 10 + 12 + 30),
        (["observation"], "P" + ONE, 12 + 30),
    ],
)
def test_carry(carry: list[str], second: str, bound: int) -> None:
    config = build(StateMemoryConfig, {"carry": carry, "budgets": BUDGETS.model_dump()}, where="test")
    memory = config.build()(TOKENIZER)
    assert contexts(memory)[1] == second
    assert memory.bound() == bound


def test_carry_without_the_observation_is_refused() -> None:
    with pytest.raises(ConfigError, match="never see what its actions bring"):
        build(StateMemoryConfig, {"carry": ["state"]}, where="test")


def test_full_keeps_everything() -> None:
    memory = FullMemoryConfig(budgets=BUDGETS).build()(TOKENIZER)
    assert contexts(memory) == ["P", "P" + A + ONE, "P" + A + ONE + B + TWO]
    assert memory.bound() is None


def test_window_keeps_the_newest_tokens() -> None:
    memory = WindowMemoryConfig(budgets=BUDGETS, window=5).build()(TOKENIZER)
    assert contexts(memory) == ["P", "Pa</search>" + ONE, "Pb</search>" + TWO]
    assert memory.bound() == 5 + 30
    assert contexts(WindowMemoryConfig(budgets=BUDGETS, window=9).build()(TOKENIZER))[1] == "P" + A + ONE


def test_all_strategies_write_under_the_same_sections() -> None:
    configs = (
        StateMemoryConfig(budgets=BUDGETS),
        FullMemoryConfig(budgets=BUDGETS),
        WindowMemoryConfig(budgets=BUDGETS),
    )
    state, full, window = (config.build()(TOKENIZER).sections() for config in configs)
    assert state == full == window
    assert [(s.name, s.budget, s.stops) for s in state] == [("state", 20, ("</think>",)), ("action", 10, ())]
    assert state[0].final_stops == state[1].final_stops == ("</search>", "</answer>")
    assert [TOKENIZER.decode(s.closing) for s in state] == ["</think>", ""]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<think>a</think><search>b</search>", ParsedTurn("<think>a</think>", "<search>b</search>", 3)),
        ("a<search>b</search>", ParsedTurn("a", "<search>b</search>", 4)),
        ("<search>a<answer>b</search>", ParsedTurn("<search>a", "<answer>b</search>", 5)),
        ("<search>a<search>b</search>", ParsedTurn("<search>a", "<search>b</search>", 5)),
        ("a</search>", ParsedTurn("a</search>", "", 2)),
        ("abc", ParsedTurn("abc", "", 3)),
        ("a<|end|>", ParsedTurn("a<|end|>", "", 2)),
        ("y" * 25 + "<answer>b</answer>", ParsedTurn("y" * 19 + "</think>", "yyyyyy<answer>b</answer>", 20)),
        ("</think>" + "z" * 25, ParsedTurn("</think>", "z" * 10, 1)),
    ],
)
def test_state_and_action_are_told_apart(text: str, written: ParsedTurn) -> None:
    memory = StateMemoryConfig(budgets=BUDGETS).build()(TOKENIZER)
    memory.start("P", None)
    assert memory.read(complete(memory, text)) == written


def test_the_border_may_lie_inside_a_token() -> None:
    memory = StateMemoryConfig().build()(bpe())
    memory.start("P", None)
    completion = complete(memory, "<think>a</think><search>what</search>", bpe())
    written = memory.read(completion)
    assert (written.state, written.action_text) == ("<think>a</think>", "<search>what</search>")
    assert bpe().decode(completion.token_ids[: written.state_length]) != written.state  # the case in question


def test_tag_names_are_configuration() -> None:
    config = build(StateMemoryConfig, {"tags": {"state": "IS", "search": "query", "observation": "info"}}, where="test")
    memory = config.build()(TOKENIZER)
    memory.start("P", None)
    completion = complete(memory, "<IS>a</IS><query>b</query>rest")
    assert memory.read(completion) == ParsedTurn("<IS>a</IS>", "<query>b</query>", 10)
    assert memory.observe(Observation(head="c")).text == "<info>c</info>"


def test_budgets_without_room_are_refused() -> None:
    config = StateMemoryConfig(budgets=Budgets(state=8, action=5, observation=50))
    with pytest.raises(ConfigError, match=r"memory\.budgets\.state"):
        config.build()(CharTokenizer(control=()))


def test_the_union_is_keyed_on_type() -> None:
    adapter: TypeAdapter[Config] = TypeAdapter(MemoryConfig)
    assert adapter.validate_python({"type": "window", "window": 7}) == WindowMemoryConfig(window=7)
    assert isinstance(adapter.validate_python({"type": "state"}), StateMemoryConfig)


def test_memories_of_one_factory_share_nothing_that_changes() -> None:
    make = StateMemoryConfig(budgets=BUDGETS).build()
    one, other = make(TOKENIZER), make(TOKENIZER)
    one.start("P", Observation(head="x"))
    other.start("Q", None)
    assert TOKENIZER.decode(one.context()) == "P<information>x</information>"
    assert TOKENIZER.decode(other.context()) == "Q"
    assert make(bpe()).sections() != one.sections()
