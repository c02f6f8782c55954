"""A recording is shown to a student as the student would have lived it, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CONTROL_STRINGS, ByteTokenizer, CharTokenizer, WordTokenizer
from mem1.memory.base import MemoryFactory
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.notes import NotesMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_recall import RecallMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rollout.distillation.retokenize import RejectReason, TargetSpec, replay
from mem1.rollout.transcript import run_recorded
from mem1.storage.distillation import Transcript
from mem1.types import Action, Episode, FinishReason, Observation, tool_call
from tests.unit.inference.bpe import bpe
from tests.unit.rollout.worlds import World, parts, request

WIDE = Budgets(state=60, action=60, observation=100)
SEARCH = "<think>is it Lima?</think><search>Peru</search>"
ANSWER = "<think>yes</think><answer>Lima</answer>"
CHARS = CharTokenizer()


def shown(action: Action) -> Observation:
    return Observation(head="Turns left: 2.", passages=("Peru <b>big</b>", "Lima"))


def record(
    *texts: str, tokenizer: Tokenizer = CHARS, memory: MemoryFactory | None = None
) -> tuple[Episode, Transcript]:
    """An episode in which a teacher wrote ``texts``."""
    rest = iter(texts)
    engine = ScriptedEngine(lambda *_: next(rest), tokenizer)
    env = World(request().task, shown=shown, first=Observation(head="Question: capital?"))
    make_memory = memory or StateMemoryConfig(budgets=WIDE).build()
    episode, script = asyncio.run(run_recorded(request(), parts(engine, lambda _: env, make_memory)))
    assert script is not None
    return episode, script


def student(
    tokenizer: Tokenizer = CHARS,
    *,
    budgets: Budgets = WIDE,
    max_context: int = 10_000,
    memory: MemoryFactory | None = None,
) -> TargetSpec:
    return TargetSpec(
        tokenizer,
        memory or StateMemoryConfig(budgets=budgets).build(),
        max_context,
        control=CONTROL_STRINGS,
        space=SEARCH_AND_ANSWER,
    )


def lived(recorded: tuple[Episode, Transcript], by: TargetSpec, **how: object) -> Episode | RejectReason:
    settings: dict[str, object] = {"same_tokens": False} | how
    return asyncio.run(replay(*recorded, by, **settings))  # type: ignore[arg-type]


def texts_of(episode: Episode, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    return [
        (tokenizer.decode(turn.prompt_token_ids), tokenizer.decode(turn.completion_token_ids)) for turn in episode.turns
    ]


def test_a_script_is_what_was_said_and_written() -> None:
    _, script = record(SEARCH, ANSWER)
    assert (script.prompt, script.first) == ("Capital of Peru?", Observation(head="Question: capital?"))
    assert [turn.written for turn in script.turns] == [SEARCH, ANSWER]
    assert script.turns[0].observation == shown(tool_call("search", query="Peru")), "whole and as it was, tags and all"
    assert script.turns[1].observation is not None
    assert script.turns[1].observation.done


def test_a_script_leaves_the_end_of_text_token_out() -> None:
    episode, script = record("<think>a</think>hm", "<think>b</think>", ANSWER)
    assert [turn.finish for turn in episode.turns] == [FinishReason.EOS, FinishReason.EOS, FinishReason.STOP]
    assert [turn.written for turn in script.turns] == ["<think>a</think>hm", "<think>b</think>", ANSWER]


def test_with_the_same_tokens_and_settings_an_episode_comes_back_as_it_is() -> None:
    recorded = record(SEARCH, "<think>hm</think>", ANSWER)
    assert lived(recorded, student(), same_tokens=True) == recorded[0]
    assert lived(recorded, student(), same_tokens=False) == recorded[0], "re-encoding changes nothing here"


def test_ids_that_no_encoding_gives_are_kept() -> None:
    """A model may write a word in other tokens than its tokenizer would: these it sampled, these it is taught."""
    tokenizer = bpe()
    whole = tokenizer.encode("</think>")
    spelled = [id for character in "</think>" for id in tokenizer.encode(character)]
    assert len(whole) < len(spelled)
    episode, script = record(ANSWER, tokenizer=tokenizer)
    (turn,) = episode.turns
    ids = (*tokenizer.encode("<think>yes"), *spelled, *tokenizer.encode("<answer>Lima</answer>"))
    odd = turn.model_copy(
        update={
            "completion_token_ids": ids,
            "logprobs": tuple(-0.25 for _ in ids),
            "sampled_mask": (True,) * len(ids),
            "state_length": len(ids) - len(tokenizer.encode("<answer>Lima</answer>")),
            "policy_version": 4,
        }
    )
    found = lived((episode.model_copy(update={"turns": (odd,)}), script), student(tokenizer), same_tokens=True)
    assert isinstance(found, Episode)
    assert found.turns[0].completion_token_ids == ids
    assert (found.turns[0].logprobs, found.turns[0].policy_version) == (odd.logprobs, 4)


def test_another_tokenizer_gets_contexts_as_the_loop_would_give_them() -> None:
    """Compared with a student that itself writes the same under the same environment."""
    for tokenizer in (ByteTokenizer(), WordTokenizer(), bpe()):
        budgets = Budgets(state=80, action=80, observation=60)
        found = lived(record(SEARCH, ANSWER), student(tokenizer, budgets=budgets))
        assert isinstance(found, Episode)
        real, _ = record(SEARCH, ANSWER, tokenizer=tokenizer, memory=StateMemoryConfig(budgets=budgets).build())
        assert found.turns == real.turns
        assert (found.reward, found.score, found.answers, found.stop) == (2.0, real.score, ("Lima",), real.stop)


def test_a_turn_that_ended_by_itself_ends_with_the_students_own_end_token() -> None:
    found = lived(record("<think>a</think>", ANSWER), student(bpe()))
    assert isinstance(found, Episode)
    assert found.turns[0].completion_token_ids[-1] == bpe().eos_id
    assert found.turns[0].sampled_mask[-1], "and it is learned"


def test_another_memory_policy_builds_its_own_contexts() -> None:
    found = lived(record(SEARCH, ANSWER), student(memory=FullMemoryConfig(budgets=WIDE).build()), same_tokens=True)
    assert isinstance(found, Episode)
    assert found.strategy == "full"
    texts = texts_of(found, CHARS)
    assert texts[1][0].startswith("Capital of Peru?<information>Question: capital?</information><think>is it")
    with_state = texts_of(record(SEARCH, ANSWER)[0], CHARS)
    assert with_state[1][0].startswith("Capital of Peru?<think>is it Lima?"), "which the teacher's did not hold"


def test_the_students_prompt_takes_the_place_of_the_teachers() -> None:
    found = lived(record(SEARCH, ANSWER), student(), same_tokens=True, prompt="Brief.")
    assert isinstance(found, Episode)
    assert [prompt[:6] for prompt, _ in texts_of(found, CHARS)] == ["Brief.", "Brief."]
    assert [turn.prefix_length for turn in found.turns] == [6, 6]


def test_observations_are_cut_to_the_students_budget() -> None:
    narrow = Budgets(state=60, action=60, observation=34)  # 2 tags + "Turns left: 2." (14) + "\nPeru <b>big</b>" (16)
    found = lived(record(SEARCH, ANSWER), student(budgets=narrow), same_tokens=True)
    assert isinstance(found, Episode)
    assert found.turns[0].observation_length == 32
    assert found.turns[0].observation is not None
    assert "Lima" not in found.turns[0].observation
    assert "<b>" not in found.turns[0].observation, "neutralised as ever"


def test_budgets_hold_exactly() -> None:
    """A tag, the 11 characters of "is it Lima?" and a tag: at 13 the closing tag would be forced."""
    recorded = record(SEARCH, ANSWER)
    assert recorded[0].turns[0].state_length == 13
    assert len(recorded[0].turns[1].completion_token_ids) - recorded[0].turns[1].state_length == 6
    for same in (True, False):
        assert isinstance(lived(recorded, student(budgets=_with(state=14)), same_tokens=same), Episode)
        assert lived(recorded, student(budgets=_with(state=13)), same_tokens=same) is RejectReason.STATE
        assert isinstance(lived(recorded, student(budgets=_with(action=6)), same_tokens=same), Episode)
        assert lived(recorded, student(budgets=_with(action=5)), same_tokens=same) is RejectReason.ACTION


def _with(**changes: int) -> Budgets:
    return WIDE.model_copy(update=changes)


def test_a_context_without_room_for_the_budgets_does_not_fit() -> None:
    recorded = record(SEARCH, ANSWER)
    longest = max(len(turn.prompt_token_ids) for turn in recorded[0].turns) + 120
    for same in (True, False):
        assert isinstance(lived(recorded, student(max_context=longest), same_tokens=same), Episode)
        assert lived(recorded, student(max_context=longest - 1), same_tokens=same) is RejectReason.CONTEXT


def test_forced_tokens_are_kept_unlearned_under_the_same_budget_and_never_become_learned_ones() -> None:
    tight = StateMemoryConfig(budgets=_with(state=8)).build()
    recorded = record(SEARCH, ANSWER, memory=tight)
    assert not all(recorded[0].turns[0].sampled_mask)
    assert lived(recorded, student(memory=tight), same_tokens=True) == recorded[0]
    assert lived(recorded, student(), same_tokens=True) is RejectReason.FORCED
    assert lived(recorded, student(bpe()), same_tokens=False) is RejectReason.FORCED


def test_what_was_cut_by_a_budget_is_not_taught_as_an_end() -> None:
    recorded = record("<think>a</think>" + "x" * 80, ANSWER)
    assert recorded[0].turns[0].finish is FinishReason.LENGTH
    assert lived(recorded, student(ByteTokenizer()), same_tokens=False) is RejectReason.ACTION
    assert lived(recorded, student(), same_tokens=True) == recorded[0], "the very ids may stay: none of them is an end"


def test_words_that_are_control_tokens_of_the_student_are_refused() -> None:
    text = "<think>a <|end|> b</think><answer>Lima</answer>"
    teacher = _Plain()
    recorded = record(text, tokenizer=teacher)
    assert recorded[0].turns[0].state == "<think>a <|end|> b</think>"
    assert lived(recorded, student(), same_tokens=False) is RejectReason.CONTROL


class _Plain(ByteTokenizer):
    """Bytes and nothing else: no string is special."""

    def __init__(self) -> None:
        super().__init__(())

    @property
    def special_strings(self) -> tuple[str, ...]:
        return ()

    def encode(self, text: str) -> list[int]:
        return self._encode_plain(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return super().decode([id for id in token_ids if id != self.eos_id])


# ---------------------------------------------------------------- side calls, and what the memory answers

SUMMED = ("So far: Peru is big", "So far: it is Lima")


def summarising(**changes: int) -> MemoryFactory:
    settings = {"budgets": WIDE, "summary": 60} | changes
    return SummaryMemoryConfig.model_validate(settings).build()


def record_summaries(*, tokenizer: Tokenizer = CHARS, purpose: str = "summary") -> tuple[Episode, Transcript]:
    """Two searches and an answer, under a memory that asks for a summary (or a note) before the second and third."""
    memory = summarising() if purpose == "summary" else noting()
    search, summed = "<think>{}</think><search>{}</search>", [f"{text}</{purpose}>" for text in SUMMED]
    written = [search.format("a", "Peru"), summed[0], search.format("b", "Lima"), summed[1], ANSWER]
    return record(*written, tokenizer=tokenizer, memory=memory)


def noting() -> MemoryFactory:
    return NotesMemoryConfig(budgets=WIDE, notes=120, note=40).build()


@pytest.mark.parametrize("purpose", ["summary", "note"])
def test_side_calls_are_lived_again_where_they_were_made_and_are_no_turns(purpose: str) -> None:
    recorded = record_summaries(purpose=purpose)
    same = student(memory=summarising() if purpose == "summary" else noting())
    assert [call.turn for call in recorded[0].side_calls] == [1, 2]
    assert recorded[1].side_calls == tuple(f"{text}</{purpose}>" for text in SUMMED)
    assert lived(recorded, same, same_tokens=True) == recorded[0]
    assert lived(recorded, same, same_tokens=False) == recorded[0], "re-encoding changes nothing here"


def test_another_tokenizer_gets_side_calls_as_the_loop_would_give_them() -> None:
    words = WordTokenizer()
    found = lived(record_summaries(), student(words, memory=summarising()))
    assert isinstance(found, Episode)
    assert found.turns == record_summaries(tokenizer=words)[0].turns
    assert [words.decode(call.completion_token_ids) for call in found.side_calls] == [
        f"{text}</summary>" for text in SUMMED
    ]
    assert all(call.by_policy and all(call.sampled_mask) for call in found.side_calls)


def test_what_another_model_wrote_in_side_calls_is_shown_and_not_learned() -> None:
    episode, script = record_summaries()
    foreign = tuple(call.untold.model_copy(update={"by_policy": False}) for call in episode.side_calls)
    found = lived((episode.model_copy(update={"side_calls": foreign}), script), student(memory=summarising()))
    assert isinstance(found, Episode)
    assert found.turns == episode.turns
    assert [call.sampled_mask for call in found.side_calls] == [(), ()]


def test_a_memory_that_asks_for_what_nobody_wrote_cannot_be_shown_it() -> None:
    plain = record(SEARCH, ANSWER)
    assert lived(plain, student(memory=summarising())) is RejectReason.SIDE
    assert lived(record_summaries(), student(memory=noting())) is RejectReason.SIDE, "another purpose"
    later = summarising(history=90)
    assert lived(record_summaries(), student(memory=later), same_tokens=True) is RejectReason.SIDE, "other turns"
    assert lived(record_summaries(), student(memory=summarising(summary=20))) is RejectReason.SIDE, "no room"


def test_scripts_of_old_without_side_calls_do_where_the_tokens_are_the_same() -> None:
    episode, script = record_summaries()
    old = script.model_copy(update={"side_calls": ()})
    assert lived((episode, old), student(memory=summarising()), same_tokens=True) == episode
    assert lived((episode, old), student(memory=summarising())) is RejectReason.SIDE


def test_a_memory_that_asks_for_nothing_lives_the_turns_alone() -> None:
    found = lived(record_summaries(), student())
    assert isinstance(found, Episode)
    assert found.side_calls == ()
    assert len(found.turns) == 3


def test_what_the_memory_answered_itself_is_answered_by_the_students_memory_too() -> None:
    recalling = RecallMemoryConfig(budgets=WIDE).build()
    look = "<think>b</think><recall>Peru</recall>"
    recorded = record(SEARCH, look, ANSWER, memory=recalling)
    assert [turn.by_memory for turn in recorded[0].turns] == [False, True, False]
    assert [turn.observation is None for turn in recorded[1].turns] == [False, True, False]
    assert lived(recorded, student(memory=recalling), same_tokens=True) == recorded[0]
    assert lived(recorded, student()) is RejectReason.OTHERWISE, "a memory that cannot be asked"
