"""Side calls in the loop: recorded, limited, by whom they are answered, and what their failure means."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from mem1.inference.base import Request
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer, WordTokenizer
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.rollout.episode import RolloutContext, run_episode
from mem1.train.rows.samples import sampled_count, samples_of
from mem1.types import Completion, Episode, Observation, StopReason, Usage
from tests.unit.rollout.worlds import BUDGETS, World, parts, request

SEARCH = "<think>a</think><search>Peru</search>"
ANSWER = "<think>b</think><answer>Lima</answer>"
SUMMARY = SummaryMemoryConfig(budgets=BUDGETS, summary=40, instruction="Sum up.")
CUE = "\nSum up.\n<summary>"


class Noting(ScriptedEngine):
    """A scripted engine that keeps its requests and says what a call cost."""

    def __init__(self, *texts: str) -> None:
        rest = iter(texts)
        super().__init__(lambda *_: next(rest), CharTokenizer())
        self.requests: list[Request] = []
        self.released: list[str] = []

    async def generate(self, request: Request) -> Completion:
        self.requests.append(request)
        usage = Usage(calls=1, prompt_tokens=9, cached_tokens=0, completion_tokens=2, seconds=0.5, cost=0.25)
        return (await super().generate(request)).model_copy(update={"usage": usage})

    def release(self, session: str) -> None:
        self.released.append(session)


def run(made: RolloutContext, seed: int = 0) -> Episode:
    return asyncio.run(run_episode(request(seed=seed), made))


def with_summary(engine: ScriptedEngine, turns: int = 3) -> RolloutContext:
    return parts(engine, lambda task: World(task, turns), SUMMARY.build())


def test_the_policy_answers_its_own_side_calls_in_its_own_session() -> None:
    engine = Noting(SEARCH, "looked up Peru</summary>", ANSWER)
    episode = run(with_summary(engine))
    assert (episode.stop, episode.reward, len(episode.turns)) == (StopReason.ANSWERED, 2.0, 2)
    (call,) = episode.side_calls
    decode = CharTokenizer().decode
    assert decode(call.prompt_token_ids) == f"Capital of Peru?{SEARCH}{CUE}"
    assert decode(call.completion_token_ids) == "looked up Peru</summary>"
    assert (call.turn, call.purpose, call.prefix_length, call.by_policy) == (1, "summary", 16, True)
    assert call.sampled_mask == (True,) * len(call.completion_token_ids)  # known token by token: it can be trained on
    assert len(call.logprobs) == len(call.completion_token_ids)
    assert decode(episode.turns[1].prompt_token_ids) == (
        "Capital of Peru?<summary>looked up Peru</summary><information>ok</information>"
    )
    first, side, second = engine.requests
    assert {request.session for request in engine.requests} == {"e"}
    assert len({first.seed, side.seed, second.seed}) == 3
    assert [section.budget for section in side.sections] == [40]
    assert side.prompt[: len(first.prompt) + 9] == first.prompt + episode.turns[0].completion_token_ids
    assert episode.usage == Usage(
        calls=3, prompt_tokens=27, cached_tokens=0, completion_tokens=6, seconds=1.5, cost=0.75
    )


def test_the_peak_is_that_of_the_largest_call() -> None:
    episode = run(with_summary(Noting(SEARCH, "s" * 100, ANSWER)))
    (call,) = episode.side_calls
    assert len(call.completion_token_ids) == 40
    assert call.peak_without_prompt == 9 + len(CUE) + 40  # the first turn's nine tokens
    assert episode.peak_without_prompt == max(call.peak_without_prompt, *(t.peak_without_prompt for t in episode.turns))


def test_another_engine_may_answer_them() -> None:
    policy = Noting(SEARCH, ANSWER)
    other = ScriptedEngine(lambda *_: "found</summary>", WordTokenizer())
    episode = run(replace(with_summary(policy), side_engine=other))
    assert [(call.by_policy, call.sampled_mask) for call in episode.side_calls] == [(False, ())]
    harmless = SEARCH.replace("<", "‹")  # another tokenizer has other control strings
    assert other.tokenizer.decode(episode.side_calls[0].prompt_token_ids) == f"Capital of Peru?{harmless}{CUE}"
    assert len(policy.requests) == 2
    assert "<summary>found</summary>" in CharTokenizer().decode(episode.turns[1].prompt_token_ids)
    noting = Noting("x")
    run(replace(with_summary(Noting(SEARCH, ANSWER)), side_engine=noting))
    assert noting.released == ["e"]


def test_a_side_call_that_fails_is_the_episodes_failure() -> None:
    def broken(session: str, context: str) -> str:
        raise RuntimeError("summariser down")

    episode = run(replace(with_summary(Noting(SEARCH, ANSWER)), side_engine=ScriptedEngine(broken, CharTokenizer())))
    assert episode.stop is StopReason.ERROR
    assert episode.error is not None
    assert (episode.error.type, episode.error.message) == ("RuntimeError", "summariser down")
    assert (len(episode.turns), episode.side_calls, episode.reward) == (1, (), None)


def test_a_side_call_without_room_ends_the_episode_with_its_answers_so_far() -> None:
    short = ScriptedEngine(lambda *_: "x", CharTokenizer(), max_context=16 + 9 + len(CUE) + 40 - 1)
    episode = run(replace(with_summary(Noting(SEARCH, ANSWER)), side_engine=short))
    assert (episode.stop, len(episode.turns), episode.side_calls) == (StopReason.CONTEXT_LIMIT, 1, ())
    assert episode.score is not None


def test_a_cap_holds_for_turns_and_says_so() -> None:
    # Beside P the first turn may need 32 tokens, the second 9 + 4 + 32, the third 9 + 4 + 9 + 4 + 32.
    def capped(cap: int) -> Episode:
        engine = ScriptedEngine(lambda *_: SEARCH, CharTokenizer())
        made = parts(engine, lambda task: World(task, 3), FullMemoryConfig(budgets=BUDGETS).build())
        return run(replace(made, cap=cap))

    assert [(len(e.turns), e.stop) for e in map(capped, (31, 32, 44, 45, 58))] == [
        (0, StopReason.CONTEXT_LIMIT),
        (1, StopReason.CONTEXT_LIMIT),
        (1, StopReason.CONTEXT_LIMIT),
        (2, StopReason.CONTEXT_LIMIT),
        (3, StopReason.TURN_LIMIT),
    ]


def test_a_cap_holds_for_side_calls() -> None:
    def capped(cap: int) -> Episode:
        return run(replace(with_summary(Noting(SEARCH, "x", ANSWER)), cap=cap))

    enough = 40 + 4 + 32  # the second turn: summary, observation, what may be written
    needed = max(9 + len(CUE) + 40, enough)
    assert capped(needed).stop is StopReason.ANSWERED
    assert capped(9 + len(CUE) + 40 - 1).side_calls == ()


def test_side_calls_of_the_policy_are_samples_and_those_of_another_engine_are_not() -> None:
    """The summary's prompt goes on from the first turn, so that both are one context; the second turn is another."""
    policy = Noting(SEARCH, "looked up Peru</summary>", ANSWER)
    own = run(with_summary(policy))
    (call,) = own.side_calls
    together = call.prompt_token_ids + call.completion_token_ids
    second = own.turns[1].prompt_token_ids + own.turns[1].completion_token_ids
    samples = samples_of(own, 0, 0)
    assert [sample.token_ids for sample in samples] == [together, second]
    assert [sum(sample.trained) for sample in samples] == [9 + len(call.completion_token_ids), 9]
    assert sampled_count(own) == 9 + len(call.completion_token_ids) + 9
    other = ScriptedEngine(lambda *_: "found</summary>", WordTokenizer())
    foreign = run(replace(with_summary(Noting(SEARCH, ANSWER)), side_engine=other))
    assert [sample.token_ids for sample in samples_of(foreign, 0, 0)] == [
        turn.prompt_token_ids + turn.completion_token_ids for turn in foreign.turns
    ]


def test_a_first_observation_needs_no_side_call() -> None:
    engine = Noting(ANSWER)
    made = parts(engine, lambda task: World(task, 3, first=Observation(head="Q")), SUMMARY.build())
    assert run(made).side_calls == ()
