"""The records that flow through the program, from task to report. No torch here.

Every record is frozen and refuses unknown fields. Lengths that belong together are checked
once, at construction; everything that can be derived is a property.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Record(BaseModel):
    """Base of all persisted records: frozen, strict about keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------- tasks


class Composition(StrEnum):
    """How objectives become one task (method section 4)."""

    PARALLEL = "parallel"
    SEQUENTIAL = "sequential"
    CHAINED = "chained"
    MIXED = "mixed"


class Objective(Record):
    """One question with its accepted answers.

    ``question`` is what the agent reads. In a chained task it may speak of "the previous answer";
    ``standalone`` is then the same question with the name filled in (for experts and reports).
    """

    id: str
    question: str
    answers: tuple[str, ...] = Field(min_length=1)
    source: str
    standalone: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Task(Record):
    """Objectives composed into one thing to do.

    ``reveal`` is ``"upfront"`` when the prompt lists every question and one final answer is due
    (answers split by ``;``), and ``"one_by_one"`` when the next question is shown only after the
    previous one is answered, so that the prompt does not grow with the number of objectives.
    """

    id: str
    composition: Composition
    reveal: Literal["upfront", "one_by_one"]
    split: str
    objectives: tuple[Objective, ...] = Field(min_length=1)

    @property
    def size(self) -> int:
        """Number of objectives."""
        return len(self.objectives)


# ---------------------------------------------------------------- actions


class Search(Record):
    """Look something up."""

    type: Literal["search"] = "search"
    query: str


class Open(Record):
    """Read a page."""

    type: Literal["open"] = "open"
    url: str


class Click(Record):
    """Press something on a page."""

    type: Literal["click"] = "click"
    target: str


class Recall(Record):
    """Look something up in what the agent itself wrote and was shown earlier in the episode."""

    type: Literal["recall"] = "recall"
    query: str


class Answer(Record):
    """Give the answer that is due: all of them (upfront) or the current one (one by one)."""

    type: Literal["answer"] = "answer"
    text: str


class Malformed(Record):
    """The policy wrote nothing that is an action; ``reason`` says why."""

    type: Literal["malformed"] = "malformed"
    reason: str


Action = Annotated[Search | Open | Click | Recall | Answer | Malformed, Field(discriminator="type")]


class Observation(Record):
    """What the environment says after an action. ``done`` ends the episode.

    ``head`` (hint, next question, an error's text) and ``tail`` (what can be done now) are always shown;
    ``passages`` are shown in order as far as the observation budget reaches, and cut only between two of them.
    ``spent``: it is over because the turns are used up, not because of what was done.
    """

    head: str
    passages: tuple[str, ...] = ()
    tail: str = ""
    done: bool = False
    spent: bool = False


# ---------------------------------------------------------------- generation


class FinishReason(StrEnum):
    """Why the engine stopped writing."""

    STOP = "stop"  # a closing tag of an action
    EOS = "eos"
    LENGTH = "length"  # the last section's budget, or the model's context


class Usage(Record):
    """What writing cost: calls of a backend, tokens, seconds, money.

    ``cached_tokens`` of the ``prompt_tokens`` were read from a cache. ``seconds`` passed between sending and
    the last byte of each answer; waiting for a free place is left out. ``cost`` is in the currency of the price
    table, ``None`` where no prices are known.
    """

    calls: int = Field(ge=0)
    prompt_tokens: int = Field(ge=0)
    cached_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    seconds: float = Field(ge=0)
    cost: float | None = None

    def __add__(self, other: Usage) -> Usage:
        """Both together; the cost is known only where it is known of both."""
        known = self.cost is not None and other.cost is not None
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            seconds=self.seconds + other.seconds,
            cost=(self.cost or 0.0) + (other.cost or 0.0) if known else None,
        )


class Completion(Record):
    """What one call of an engine wrote, token for token.

    ``logprobs[i]`` is log p(token_ids[i] | everything before it) in nats under the sampling
    distribution's policy at temperature 1; it is 0.0 where ``sampled[i]`` is false (forced tokens).
    ``section_ends[k]`` is the number of tokens written when section ``k`` ended (cumulative).
    ``exact`` is false where the ids were made from a server's text: they are not what was sampled, their
    log-probabilities (0.0) are not known, and nothing can be learned from them. ``usage`` is what a backend
    that counts says it cost.
    """

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    sampled: tuple[bool, ...]
    section_ends: tuple[int, ...]
    finish: FinishReason
    policy_version: int = 0
    exact: bool = True
    usage: Usage | None = None

    @model_validator(mode="after")
    def _aligned(self) -> Completion:
        _same_length(token_ids=self.token_ids, logprobs=self.logprobs, sampled=self.sampled)
        if any(e > len(self.token_ids) for e in self.section_ends):
            raise ValueError(f"section_ends {self.section_ends} reach beyond {len(self.token_ids)} tokens")
        return self


class Turn(Record):
    """One context the policy saw, what it wrote there, and what came back.

    ``prompt_token_ids`` is the whole context in front of the completion; its first
    ``prefix_length`` tokens are the task prompt P. ``state_length`` is how many completion tokens
    belong to the state section (the rest is the action). What stands between the prefix and the end of the
    prompt came from earlier turns. ``exact`` and ``usage`` are the completion's.
    ``advantage`` is what training credited to the turn's sampled tokens, on average.
    """

    index: int
    prompt_token_ids: tuple[int, ...]
    prefix_length: int
    completion_token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    sampled_mask: tuple[bool, ...]
    state_length: int
    finish: FinishReason
    policy_version: int
    state: str
    action: Action
    action_text: str
    observation: str | None = None
    observation_length: int = 0
    objective: int = 0
    exact: bool = True
    usage: Usage | None = None
    advantage: float | None = None

    @model_validator(mode="after")
    def _aligned(self) -> Turn:
        _same_length(
            completion_token_ids=self.completion_token_ids,
            logprobs=self.logprobs,
            sampled_mask=self.sampled_mask,
        )
        if not 0 <= self.prefix_length <= len(self.prompt_token_ids):
            raise ValueError(f"prefix_length {self.prefix_length} outside the prompt of {len(self.prompt_token_ids)}")
        if not 0 <= self.state_length <= len(self.completion_token_ids):
            raise ValueError(f"state_length {self.state_length} outside {len(self.completion_token_ids)} tokens")
        return self

    @property
    def peak(self) -> int:
        """Tokens in context when this turn ended: prompt + completion."""
        return len(self.prompt_token_ids) + len(self.completion_token_ids)

    @property
    def peak_without_prompt(self) -> int:
        """``peak`` less the task prompt P."""
        return self.peak - self.prefix_length


class SideCall(Record):
    """A call that a memory policy made between turns: bounded and counted like a turn, never trained on.

    It was made before the context of turn number ``turn``. The first ``prefix_length`` tokens of the prompt are the
    task prompt P. Token ids are those of the engine that was asked: the policy's, or (``by_policy`` false) another's.
    """

    turn: int
    purpose: str
    prompt_token_ids: tuple[int, ...]
    prefix_length: int
    completion_token_ids: tuple[int, ...]
    by_policy: bool = True
    usage: Usage | None = None

    @model_validator(mode="after")
    def _aligned(self) -> SideCall:
        if not 0 <= self.prefix_length <= len(self.prompt_token_ids):
            raise ValueError(f"prefix_length {self.prefix_length} outside the prompt of {len(self.prompt_token_ids)}")
        return self

    @property
    def peak(self) -> int:
        """Tokens in context when the call ended: prompt + completion."""
        return len(self.prompt_token_ids) + len(self.completion_token_ids)

    @property
    def peak_without_prompt(self) -> int:
        """``peak`` less the task prompt P."""
        return self.peak - self.prefix_length


# ---------------------------------------------------------------- episodes


class StopReason(StrEnum):
    """Why an episode ended."""

    ANSWERED = "answered"
    TURN_LIMIT = "turn_limit"
    CONTEXT_LIMIT = "context_limit"
    ERROR = "error"


class EpisodeError(Record):
    """A failed episode's cause. Never scored, never trained on, always counted."""

    type: str
    message: str
    traceback: str = ""


class Score(Record):
    """Per-objective scores of one episode; ``None`` where an objective could not be scored.

    Environments that give rewards themselves put them into ``rewards`` (0 to 1 each) and what they are made of into
    ``parts``, both empty elsewhere; ``em`` then says whether the objective was fully met, and ``f1`` is ``None``.
    """

    em: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    answered: tuple[bool, ...]
    extra_answers: int = 0
    scorer: str
    rewards: tuple[float | None, ...] = ()
    parts: tuple[dict[str, float | None], ...] = ()

    @model_validator(mode="after")
    def _aligned(self) -> Score:
        _same_length(em=self.em, f1=self.f1, answered=self.answered)
        if self.rewards or self.parts:
            _same_length(em=self.em, rewards=self.rewards, parts=self.parts)
        return self

    @property
    def em_sum(self) -> float:
        """Exact matches summed over objectives (the paper's figure)."""
        return sum(v for v in self.em if v is not None)

    @property
    def f1_sum(self) -> float:
        """F1 summed over objectives."""
        return sum(v for v in self.f1 if v is not None)

    @property
    def reward_sum(self) -> float:
        """The environment's rewards summed over objectives; 0 where it gives none."""
        return sum(v for v in self.rewards if v is not None)

    @property
    def coverage(self) -> float:
        """Scored objectives / all objectives."""
        return sum(v is not None for v in self.em) / len(self.em)


class Episode(Record):
    """One run of a policy over one task."""

    schema_version: Literal[1] = 1
    id: str
    group_id: str
    task: Task
    strategy: str
    turns: tuple[Turn, ...]
    side_calls: tuple[SideCall, ...] = ()
    answers: tuple[str | None, ...]
    stop: StopReason
    seconds: float
    reward: float | None = None
    score: Score | None = None
    advantage: float | None = None
    error: EpisodeError | None = None
    seed: int = 0

    @model_validator(mode="after")
    def _consistent(self) -> Episode:
        if (self.stop is StopReason.ERROR) != (self.error is not None):
            raise ValueError("an episode has an error record exactly when it stopped with an error")
        if self.error is not None and self.reward is not None:
            raise ValueError("a failed episode has no reward")
        return self

    @property
    def failed(self) -> bool:
        """Whether the episode ended in an error and must stay out of scores and advantages."""
        return self.error is not None

    @property
    def calls(self) -> tuple[Turn | SideCall, ...]:
        """All calls of an engine in the order in which they were made: before each turn its side calls."""
        before: dict[int, list[SideCall]] = {}
        for call in self.side_calls:
            before.setdefault(call.turn, []).append(call)
        found: list[Turn | SideCall] = []
        for index, turn in enumerate(self.turns):
            found += [*before.pop(index, ()), turn]
        return (*found, *(call for rest in before.values() for call in rest))

    @property
    def usage(self) -> Usage | None:
        """What its turns and side calls cost together, over those that know; ``None`` where none does."""
        known = [call.usage for call in self.calls if call.usage is not None]
        return sum(known[1:], known[0]) if known else None

    @property
    def peak(self) -> int:
        """Largest prompt + completion of any turn or side call, in tokens."""
        return max((call.peak for call in self.calls), default=0)

    @property
    def peak_without_prompt(self) -> int:
        """Largest prompt + completion less the task prompt, over turns and side calls, in tokens."""
        return max((call.peak_without_prompt for call in self.calls), default=0)


class EpisodeGroup(Record):
    """Episodes of the same task, sampled from the same policy: what a group baseline is taken over."""

    id: str
    episodes: tuple[Episode, ...]

    @model_validator(mode="after")
    def _one_task(self) -> EpisodeGroup:
        tasks = {episode.task.id for episode in self.episodes}
        if len(tasks) > 1:
            raise ValueError(f"group {self.id} mixes tasks {sorted(tasks)}")
        return self


def _same_length(**fields: tuple[Any, ...]) -> None:
    lengths = {name: len(value) for name, value in fields.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"lengths differ: {lengths}")
