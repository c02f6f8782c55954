"""Look-back: what is logged, found and refused."""

from __future__ import annotations

import asyncio

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer, WordTokenizer
from mem1.memory.strategies.state_recall import RecallMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rollout.episode import run_episode
from mem1.types import Action, Answer, Episode, Malformed, Observation, StopReason, ToolCall, tool_call
from tests.unit.rollout.worlds import World, parts, request

BUDGETS = Budgets(state=40, action=30, observation=60)
FACTS = {"Peru": "Lima is the capital", "Chile": "Santiago is the capital", "Nile": "The river ends in Egypt"}


def tell(action: Action) -> Observation:
    """The world knows three facts."""
    assert isinstance(action, ToolCall | Malformed)
    return Observation(
        head=FACTS.get(action.arguments.get("query", "") if isinstance(action, ToolCall) else "", "nothing")
    )


def play(*texts: str, world: World | None = None, config: RecallMemoryConfig | None = None) -> Episode:
    rest = iter(texts)
    engine = ScriptedEngine(lambda *_: next(rest), WordTokenizer())
    made = config or RecallMemoryConfig(budgets=BUDGETS, max_recalls=1)
    env = world or World(request().task, max_turns=4, shown=tell)
    return asyncio.run(run_episode(request(), parts(engine, lambda _: env, made.build())))


def say(action: str, words: str, page: str = "-") -> str:
    return f"<think>{page}</think><{action}>{words}</{action}>"


def test_a_dropped_fact_is_found_again_and_answered() -> None:
    world = World(request().task, max_turns=4, shown=tell)
    episode = play(
        say("search", "Peru"), say("search", "Nile"), say("recall", "capital"), say("answer", "Lima"), world=world
    )
    assert (episode.stop, episode.reward) == (StopReason.ANSWERED, 2.0)
    assert episode.turns[2].action == tool_call("recall", query="capital")
    assert episode.turns[2].observation == (
        "<information>Recalls left: 0.\nTurn 1, shown: Lima is the capital</information>"
    )
    # What the world said last stands in the log too, for the turn in which it is no longer in sight.
    assert world.actions == [tool_call("search", query="Peru"), tool_call("search", query="Nile"), Answer(text="Lima")]


def test_pages_are_logged_as_well_and_nothing_twice() -> None:
    episode = play(
        say("search", "Peru", page="first Lima"),
        say("search", "Peru", page="first Lima"),
        say("search", "Nile", page="other"),
        say("recall", "Lima first", page="page"),
        say("answer", "Lima"),
    )
    assert episode.turns[3].observation == (
        "<information>Recalls left: 0.\nTurn 1, page: first Lima\nTurn 1, shown: Lima is the capital</information>"
    )


def test_what_is_still_on_the_page_is_not_in_the_log() -> None:
    episode = play(say("recall", "secret", page="secret"), say("answer", "x"))
    assert episode.turns[0].observation == (
        "<information>Recalls left: 0. Nothing about that was written or shown earlier.</information>"
    )


def test_a_recall_costs_no_turn_of_the_worlds_and_runs_out() -> None:
    world = World(request().task, max_turns=2, shown=tell)
    episode = play(say("recall", "a"), say("recall", "b"), say("search", "Peru"), world=world)
    assert episode.stop is StopReason.TURN_LIMIT
    assert world.actions == [
        Malformed(reason="recall is not possible here; write search or answer"),
        tool_call("search", query="Peru"),
    ]
    assert [type(turn.action) for turn in episode.turns] == [ToolCall, Malformed, ToolCall]


def test_an_answer_gives_new_recalls() -> None:
    memory = RecallMemoryConfig(budgets=BUDGETS, max_recalls=1).build()(WordTokenizer())
    memory.start("P", None)
    assert list(memory.offers) == ["recall"]
    asyncio.run(memory.respond(tool_call("recall", query="x")))
    assert not memory.offers
    assert asyncio.run(memory.respond(tool_call("search", query="x"))) is None
    assert not memory.offers
    assert asyncio.run(memory.respond(Answer(text="x"))) is None
    assert list(memory.offers) == ["recall"]


def test_what_was_recalled_is_not_logged_again() -> None:
    config = RecallMemoryConfig(budgets=BUDGETS, max_recalls=2)
    episode = play(
        say("search", "Peru"),
        say("search", "Nile"),
        say("recall", "capital"),
        say("recall", "capital recalls"),
        say("answer", "Lima"),
        config=config,
    )
    assert episode.turns[3].observation == (
        "<information>Recalls left: 0.\nTurn 1, shown: Lima is the capital</information>"
    )


def test_long_lines_are_logged_in_pieces() -> None:
    config = RecallMemoryConfig(budgets=BUDGETS, max_recalls=1, words=2)
    episode = play(say("search", "Nile"), say("search", "Chile"), say("recall", "Egypt"), config=config, world=None)
    assert episode.turns[2].observation == "<information>Recalls left: 0.\nTurn 1, shown: Egypt</information>"


def test_the_instruction_stands_after_the_prompt_in_every_context_and_in_the_bound() -> None:
    tokenizer = CharTokenizer()
    memory = RecallMemoryConfig(budgets=BUDGETS, instruction="Try <{recall}>.").build()(tokenizer)
    memory.start("P", Observation(head="Q"))
    assert tokenizer.decode(memory.context()) == "PTry <recall>.\n<information>Q</information>"
    assert memory.prefix_length == 1
    assert memory.bound() == 2 * (40 + 30) + 60 + len("Try <recall>.\n")
    silent = RecallMemoryConfig(budgets=BUDGETS, instruction="").build()(tokenizer)
    assert silent.bound() == 2 * (40 + 30) + 60


def test_the_tag_is_configuration_and_must_be_free() -> None:
    named = build(RecallMemoryConfig, {"tags": {"recall": "look_back"}}, where="test").build()(WordTokenizer())
    assert named.actions.parse("<look_back>x</look_back>") == tool_call("recall", query="x")
    assert named.sections()[1].final_stops[-1] == "</look_back>"
    taken = build(RecallMemoryConfig, {"tags": {"search": "recall"}}, where="test")
    with pytest.raises(ConfigError, match="two actions would have the tag 'recall'"):
        taken.build()
