"""A recorded episode as a student would have lived it: its tokens, its budgets, its memory policy, its prompt.

The recording goes through the one episode loop with an engine that writes what was written and an environment that says
what was said. Contexts therefore are what the student will see, token for token. A memory that asks in side calls is
told what was written in the recorded ones, where it asks for the same before the same turns. Under the tokenizer it was
recorded with the sampled ids stay as they are; under another one the text is encoded anew. An episode that does not fit
is never bent until it does: it is a ``RejectReason``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mem1.actions import ActionSpace
from mem1.errors import DataError
from mem1.inference.base import Request, Tokenizer
from mem1.inference.sections import SectionTracker
from mem1.inference.weights import FixedWeights
from mem1.memory.base import MemoryFactory
from mem1.rollout.episode import RolloutContext, RolloutRequest, run_episode
from mem1.storage.distillation import Transcript, TranscriptTurn
from mem1.types import (
    Action,
    Completion,
    Episode,
    FinishReason,
    Observation,
    Score,
    SideCall,
    StopReason,
    Task,
    ToolSpec,
    Turn,
)


class RejectReason(StrEnum):
    """Why an episode cannot be shown to a student."""

    STATE = "state budget"  # a state is longer than the student may write
    ACTION = "action budget"
    CONTEXT = "context"  # a context and its budgets are longer than the student's
    FORCED = "forced tokens"  # tokens that nobody chose have no counterpart under another tokenizer or budget
    CONTROL = "control tokens"  # text that the student's tokenizer reads as control tokens
    SIDE = "side calls"  # the student's memory asks for what nobody wrote, or has less room for it
    OTHERWISE = "read otherwise"  # the student's tokens spell another state or action


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """Whom demonstrations are made for.

    ``tokenizer``: its tokens. ``make_memory``: its memory policy, with budgets. ``max_context``: tokens.
    ``control``: the tags that may stand in what it writes. ``space``: what can be done in its environment.
    """

    tokenizer: Tokenizer
    make_memory: MemoryFactory
    max_context: int
    control: tuple[str, ...]
    space: ActionSpace


async def replay(
    episode: Episode, script: Transcript, student: TargetSpec, *, same_tokens: bool, prompt: str | None = None
) -> Episode | RejectReason:
    """``episode`` as ``student`` would have lived it.

    Args:
        episode: A finished episode that did not fail.
        script: What was written and said in it.
        student: Tokens, memory policy and context.
        same_tokens: Whether the recorded ids are the student's; they are then kept with their log-probabilities.
        prompt: The task prompt P to lay down instead of the recorded one.

    Returns:
        The episode with the student's turns and side calls; reward, score, answers and how it ended are the recorded
        ones. Side calls can be learned where the recorded policy itself wrote them.
    """
    if not same_tokens:
        if any(not all(turn.sampled_mask) for turn in episode.turns):
            return RejectReason.FORCED
        if any(turn.finish is FinishReason.LENGTH for turn in episode.turns):
            return RejectReason.ACTION
        if _holds_control(script, student):
            return RejectReason.CONTROL
    engine = _Replay(student, episode.turns, script.turns, same_tokens)
    asked = _Asked(engine, episode.side_calls, script.side_calls)
    said = _Said(episode, script, student.space, script.prompt if prompt is None else prompt)
    parts = RolloutContext(
        engine=engine,
        make_env=lambda _task: said,
        make_memory=student.make_memory,
        temperature=0.0,
        reward=lambda _score: 0.0,
        form=student.space.form,
        side_engine=asked,
    )
    request = RolloutRequest(task=episode.task, episode_id=episode.id, group_id=episode.group_id, seed=episode.seed)
    lived = await run_episode(request, parts)
    misfit = engine.misfit or asked.misfit or _misfit(episode, lived, said)
    if misfit is not None:
        return misfit
    calls = tuple(asked.learned(call, place) for place, call in enumerate(lived.side_calls))
    return episode.model_copy(update={"turns": lived.turns, "side_calls": calls, "strategy": lived.strategy})


def _misfit(recorded: Episode, lived: Episode, said: _Said) -> RejectReason | None:
    if lived.stop is StopReason.CONTEXT_LIMIT:
        return RejectReason.CONTEXT
    for before, now in zip(recorded.turns, lived.turns, strict=False):
        if now.state != before.state or now.action != before.action:
            return RejectReason.OTHERWISE
    assert lived.error is None, lived.error
    return RejectReason.OTHERWISE if said.surprised or len(lived.turns) != len(recorded.turns) else None


def _holds_control(script: Transcript, student: TargetSpec) -> bool:
    """Whether the teacher's words hold a string that is one of the student's control tokens, and no tag."""
    special = [s for s in student.tokenizer.special_strings if s.strip() and s not in student.control]
    written = (*(turn.written for turn in script.turns), *script.side_calls)
    return any(string in text for text in written for string in special)


class _Replay(FixedWeights):
    """An ``Engine`` that writes what was written, under the sections of the student."""

    is_model = False

    def __init__(
        self, student: TargetSpec, turns: Sequence[Turn], texts: Sequence[TranscriptTurn], same_tokens: bool
    ) -> None:
        self.same_tokens = same_tokens
        self.turn = 0  # the one that is written next
        self._student = student
        self._turns = turns
        self._texts = texts
        self.misfit: RejectReason | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        return self._student.tokenizer

    @property
    def policy_version(self) -> int:
        return 0

    @property
    def max_context(self) -> int:
        return self._student.max_context

    async def generate(self, request: Request) -> Completion:
        index, self.turn = self.turn, self.turn + 1
        tracker = self.tracker(request)
        if self.same_tokens:
            completion = self._as_recorded(self._turns[index], tracker)
        else:
            completion = self.encoded(self._texts[index].written, tracker)
        if self.misfit is None and not self.same_tokens:
            self.misfit = self._over_budget(completion)
        return completion

    def tracker(self, request: Request) -> SectionTracker:
        """Follows what is written for ``request``."""
        return SectionTracker(self.tokenizer, request.sections, self.max_context - len(request.prompt))

    def _as_recorded(self, turn: Turn, tracker: SectionTracker) -> Completion:
        """The recorded ids, if the student's budgets would have let them be sampled just so."""
        completion = _fed(turn, tracker)
        if (completion.token_ids, completion.sampled) != (turn.completion_token_ids, turn.sampled_mask):
            self.misfit = self.misfit or self._why(turn, completion)
        return completion

    def _why(self, turn: Turn, completion: Completion) -> RejectReason:
        if not all(turn.sampled_mask):
            return RejectReason.FORCED
        return self._over_budget(completion) or RejectReason.OTHERWISE

    def encoded(self, text: str, tracker: SectionTracker) -> Completion:
        """``text`` in the student's tokens."""
        for token_id in self.tokenizer.encode(text):
            if tracker.feed(token_id).finish is not None:
                return tracker.completion()
        if self.tokenizer.eos_id is None:
            tracker.cut()
        else:
            tracker.feed(self.tokenizer.eos_id)
        return tracker.completion()

    def _over_budget(self, completion: Completion) -> RejectReason | None:
        if not all(completion.sampled):
            return RejectReason.STATE
        return RejectReason.ACTION if completion.finish is FinishReason.LENGTH else None

    def release(self, session: str) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """Nothing to free."""


def _fed(call: Turn | SideCall, tracker: SectionTracker) -> Completion:
    """The recorded ids, as far as the student's budgets let them be sampled."""
    for token_id, logprob, sampled in zip(call.completion_token_ids, call.logprobs, call.sampled_mask, strict=True):
        if sampled and tracker.finish is None:
            tracker.feed(token_id, logprob)
    if tracker.finish is None:
        tracker.cut()
    return tracker.completion(call.policy_version)


class _Asked(FixedWeights):
    """An ``Engine`` for the side calls of the student's memory: it writes what was written in the recorded ones.

    Each belongs to one before the same turn with the same purpose; they are asked for in their order. ``texts`` are
    theirs where a script knows them.
    """

    is_model = False
    policy_version = 0

    def __init__(self, turns: _Replay, recorded: Sequence[SideCall], texts: Sequence[str]) -> None:
        self._turns = turns
        self._recorded = recorded
        self._texts = texts
        self._made: list[tuple[SideCall, Completion]] = []
        self.misfit: RejectReason | None = None

    @property
    def tokenizer(self) -> Tokenizer:
        return self._turns.tokenizer

    @property
    def max_context(self) -> int:
        return self._turns.max_context

    async def generate(self, request: Request) -> Completion:
        place, tracker = len(self._made), self._turns.tracker(request)
        purpose = request.sections[0].name
        known = self._recorded[place] if place < len(self._recorded) else None
        if known is None or (known.turn, known.purpose) != (self._turns.turn, purpose):
            raise self._refused(f"nobody wrote a {purpose} before turn {self._turns.turn}")
        if self._turns.same_tokens and known.sampled_mask:
            completion = _fed(known, tracker)
            fits = (completion.token_ids, completion.sampled) == (known.completion_token_ids, known.sampled_mask)
        elif place < len(self._texts):
            completion = self._turns.encoded(self._texts[place], tracker)
            fits = completion.finish is FinishReason.STOP  # what a budget cut off is not taught as an end
        else:
            raise self._refused(
                f"what was written in the {purpose} before turn {self._turns.turn} is not known as text"
            )
        if not fits:
            raise self._refused(f"the {purpose} before turn {self._turns.turn} has no room")
        self._made.append((known, completion))
        return completion

    def learned(self, call: SideCall, place: int) -> SideCall:
        """The student's side call number ``place``, to be learned if the recorded policy wrote it."""
        known, completion = self._made[place]
        if not known.by_policy:
            return call
        how = {"by_policy": True, "logprobs": completion.logprobs, "sampled_mask": completion.sampled}
        return call.model_copy(update=how)

    def release(self, session: str) -> None:
        """Nothing is kept."""

    async def close(self) -> None:
        """Nothing to free."""

    def _refused(self, what: str) -> DataError:
        self.misfit = RejectReason.SIDE
        return DataError(what, where="side calls of the demonstration", hint="use the memory it was distilled with")


@dataclass(slots=True)
class _Said:
    """An ``Environment`` that says what was said, whatever is done; ``surprised`` if that was something else."""

    episode: Episode
    script: Transcript
    space: ActionSpace
    prompt: str
    surprised: bool = False
    turn: int = field(default=0)

    @property
    def task(self) -> Task:
        return self.episode.task

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.space.tools

    @property
    def takes_answer(self) -> bool:
        return self.space.takes_answer

    @property
    def max_turns(self) -> int:
        return len(self._steps)

    @property
    def _steps(self) -> list[int]:
        """The turns that the environment answered: others were the memory's."""
        return [place for place, turn in enumerate(self.episode.turns) if not turn.by_memory]

    @property
    def objective(self) -> int:
        steps = self._steps
        return self.episode.turns[steps[min(self.turn, len(steps) - 1)]].objective

    @property
    def answers(self) -> tuple[str | None, ...]:
        return self.episode.answers

    def reset(self) -> tuple[str, Observation | None]:
        return self.prompt, self.script.first

    async def step(self, action: Action) -> Observation:
        index, self.turn = self._steps[self.turn], self.turn + 1
        self.surprised = self.surprised or action != self.episode.turns[index].action
        said = self.script.turns[index].observation
        assert said is not None, "a script holds what the environment said"
        return said

    def score(self) -> Score:
        assert self.episode.score is not None
        return self.episode.score
