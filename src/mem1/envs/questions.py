"""Question answering with tools: what is asked, what answers count, when it is over; whatever there is to look in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from mem1.actions import ActionForm
from mem1.envs.config import EnvConfig
from mem1.envs.prompts import render_prompt
from mem1.rewards.base import Scorer
from mem1.rewards.standard import split_answers
from mem1.tasks.wording import ASKS
from mem1.types import Action, Answer, Malformed, Observation, Score, Task, ToolCall, ToolSpec


class QuestionsConfig(EnvConfig):
    """How question answering is presented, wherever one looks.

    ``max_turns`` applies to tasks revealed upfront (``None``: see ``default_max_turns``; ``"published"``: 6 up to four
    objectives, 20 for more, as in the paper);
    ``turns_per_objective`` to tasks revealed one by one: when they are used up the question counts as unanswered
    and the next one is shown. ``prompt`` is ``"instruct"`` (explains the format), ``"brief"`` (for policies trained on
    it) or the path of a template file with ``{questions}``; ``joined`` puts "; " between them instead of listing them.
    ``form``: calls and answers as tags, or as JSON tool calls for models that were taught those.
    """

    max_turns: Annotated[int, Field(ge=1)] | Literal["published"] | None = None
    turns_per_objective: int = Field(default=4, ge=1)
    prompt: Literal["instruct", "brief", "headed"] | Path = "instruct"
    joined: bool = False
    form: Literal["tags", "json"] = "tags"

    @property
    def action_form(self) -> ActionForm:
        """How actions are written."""
        return self.form


@dataclass(slots=True)
class _Progress:
    """What changes in an episode: turns used on what is being asked now, and the answers so far."""

    turns: int = 0
    objective: int = 0


class QuestionsEnvironment:
    """One episode of question answering: an ``Environment`` once ``tools`` and ``_use`` say what there is to use."""

    tools: tuple[ToolSpec, ...] = ()
    takes_answer = True

    def __init__(self, task: Task, config: QuestionsConfig, scorer: Scorer) -> None:
        self.task = task
        self._config = config
        self._scorer = scorer
        self._answers: list[str | None] = [None] * task.size
        self._extra = 0
        self._progress = _Progress()

    @property
    def one_by_one(self) -> bool:
        """Whether the questions are revealed one after the other."""
        return self.task.reveal == "one_by_one"

    @property
    def max_turns(self) -> int:
        """Turns of the whole episode."""
        if self.one_by_one:
            return self._config.turns_per_objective * self.task.size
        match self._config.max_turns:
            case "published":
                return 6 if self.task.size <= 4 else 20
            case None:
                return default_max_turns(self.task.size)
            case turns:
                return turns

    @property
    def objective(self) -> int:
        """Index of the question being worked on; 0 where all are asked upfront."""
        return min(self._progress.objective, self.task.size - 1)

    @property
    def answers(self) -> tuple[str | None, ...]:
        """One answer an objective, ``None`` where none was given."""
        return tuple(self._answers)

    def score(self) -> Score:
        """The scorer's verdict on the answers so far."""
        return self._scorer(self.task, self._answers, extra_answers=self._extra)

    def reset(self) -> tuple[str, Observation | None]:
        """The prompt; and the first question where they are revealed one by one."""
        prompt = render_prompt(self._config.prompt, self.task, joined=self._config.joined, form=self._config.form)
        return prompt, Observation(head=f"{self._hint()} {self._question()}".lstrip()) if self.one_by_one else None

    async def step(self, action: Action) -> Observation:
        """Do ``action``: use a tool, take an answer, or say what an action looks like."""
        self._progress.turns += 1
        match action:
            case ToolCall():
                found = await self._use(action)
                if found is None:
                    return self._unless_spent(Observation(head=f"{action.name} is not possible here"))
                return found
            case Answer(text=text):
                return self._take_answer(text)
            case Malformed(reason=reason):
                return self._unless_spent(Observation(head=f"No action was taken: {reason}"))

    async def _use(self, call: ToolCall) -> Observation | None:
        """What using a tool shows; ``None`` where there is no such tool."""
        return None

    def _take_answer(self, text: str) -> Observation:
        if self.one_by_one:
            self._answers[self._progress.objective] = text
            return self._next_question(spent=False)
        given, self._extra = split_answers(text, self.task.size, first=self.task.first)
        self._answers = list(given)
        return Observation(head="", done=True)

    def _unless_spent(self, observation: Observation) -> Observation:
        """Put the hint in front; where no turn is left for this question, go on to the next instead."""
        if self._turns_left() > 0:
            head = f"{self._hint()} {observation.head}".strip()
            return observation.model_copy(update={"head": head})
        if not self.one_by_one:
            return Observation(head="No turns left.", done=True, spent=True)
        return self._next_question(spent=True)

    def _next_question(self, *, spent: bool) -> Observation:
        self._progress = _Progress(objective=self._progress.objective + 1)
        if self._progress.objective >= self.task.size:
            return Observation(head="", done=True, spent=spent)
        return Observation(head=f"{self._hint()} {self._question()}".lstrip())

    def _question(self) -> str:
        return f"{ASKS}{self.task.objectives[self._progress.objective].question}"

    def _turns_left(self) -> int:
        limit = self._config.turns_per_objective if self.one_by_one else self.max_turns
        return limit - self._progress.turns

    def _hint(self) -> str:
        left = self._turns_left()
        return "Turns left: 1, the answer is due." if left == 1 else f"Turns left: {left}."


def default_max_turns(objectives: int) -> int:
    """Two turns for each objective and 4 more.

    A question can need two searches and the last turn answers, so that 2N + 1 turns are needed; the published 6 and 20
    (``max_turns = "published"``) cannot do for more than 2 and 9 such questions.
    """
    return 2 * objectives + 4
