"""Settings of distillation and of reading what was distilled. No torch here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from mem1.config import Config
from mem1.types import Composition

Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]
Part = Annotated[float, Field(ge=0, le=1)]


def _ordered(ends: tuple[int, int]) -> tuple[int, int]:
    if ends[0] > ends[1]:
        raise ValueError(f"a range has its smaller end first, got {list(ends)}")
    return ends


Range = Annotated[tuple[Count, Count], AfterValidator(_ordered)]
"""From the first to the second, both included."""


def ends(one: int | tuple[int, int]) -> tuple[int, int]:
    """A number or a range, as a range."""
    return (one, one) if isinstance(one, int) else one


class KeepConfig(Config):
    """Which of a teacher's episodes become demonstrations; see ``rejection.select`` for the order of the rules.

    ``minimum``: least reward divided by the task's objectives (1 for EM: everything right; ``"none"``: any).
    ``per_task``: at most so many of one task, the best first ("best of n" is ``minimum = "none"``, ``per_task = 1``).
    ``top``: the best share of what is left, over all tasks. ``malformed`` and ``forced`` say whether episodes with a
    turn without a readable action, or with a state that was closed by force, may stay.
    """

    minimum: float | Literal["none"] = 1.0
    per_task: Count = 1
    top: Share = 1.0
    malformed: bool = False
    forced: bool = False


class DistillConfig(Config):
    """Collecting demonstrations: ``samples`` episodes of each of the recipe's tasks.

    ``people``: a log of what people did in the environment; it takes the place of teacher and tasks.

    ``teacher``: ``"engine"`` is the recipe's model in the recipe's engine, ``"expert"`` the scripted expert, which
    writes the same every time and needs one sample. ``concurrency``: episodes in flight. ``give_up_after`` failed
    episodes in a row the teacher is taken to be gone.
    """

    teacher: Literal["engine", "expert"] = "engine"
    people: Path | None = None
    samples: Count = 4
    temperature: Annotated[float, Field(ge=0)] = 1.0
    concurrency: Count = 32
    give_up_after: Count = 32
    keep: KeepConfig = KeepConfig()


class DemonstrationsConfig(Config):
    """Demonstrations from distilled runs, for a warm start. Without ``runs`` the scripted expert writes them.

    ``held_out``: the share of the tasks whose demonstrations only measure the loss, or another distilled run to measure
    it on. ``prompt``: ``"recipe"`` lays down the task prompt that the student will see, ``"recorded"`` the teacher's.
    """

    runs: tuple[Path, ...] = ()
    held_out: Annotated[float, Field(ge=0, lt=1)] | Path = 0.1
    prompt: Literal["recipe", "recorded"] = "recipe"

    @field_validator("runs", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value


LessonMemory = Literal["state", "state_gated"]


class LessonsConfig(Config):
    """What the warm start's demonstrations are about.

    Each lesson is a world of its own: the source's train split for a share of ``real`` of the lessons, else one
    of ``countries`` invented countries (see ``tasks/factbook/synthetic.py``), for the shop one of ``products``
    invented products (``webshop/catalogue/made.py``). It holds ``per_lesson`` demonstrations of ``objectives``
    objectives, composed as one of ``compositions``, with one of ``top_k`` passages a search; ``mixed`` lessons are
    shuffled together. Of the two-hop questions a share of ``two_hop`` is kept. With ``objectives = [1, 4]`` each lesson
    draws its number of objectives, and with ``delays = [1, 4]`` the delay of delayed ones, as far as they reach.

    ``memories``: each lesson is shown under one of these, with equal chances, in the recipe's budgets; without any,
    under the recipe's own. ``instruction``, ``quotes``: those of ``state_gated`` where the recipe's memory is another.
    ``turns``: at most so many turns of a demonstration are imitated.

    Of the parallel and the delayed lessons a share of ``more`` has ``more_objectives``, drawn evenly on a scale of
    logarithms. Of the parallel ones a share of ``held`` begins in the middle: their page holds from 1 to ``most_held``
    values whose questions the prompt does not list, so that a long page is met without a long list. Of the invented
    worlds a share of ``alike`` has values that begin like others and go on otherwise, a share of ``long_values`` values
    of many tokens; of the invented values a share of ``namesakes`` resembles the country's name ("Moroccan"), a share
    of ``echoes`` repeats a part of itself ("9,596,960", "Burmama"), and of those that name a country one of
    ``neighbours`` names another of the same world (only there can a chained task ask about "the previous answer").

    For questions with numbers: ``anywhere`` is the share of tasks that do not count from 1 but up to ``numbers``,
    ``remarks`` the share of prompts with numbered lines that ask nothing, ``distant`` the share of parallel ones whose
    line after the last question bears a number further on, as in a longer list (that last turn is not imitated),
    ``slips`` the share of pages that the expert spoils (they are not imitated) to show how it goes on from there.
    ``stumbles``: the share of turns with wrong tokens, which are not imitated, among the right ones.

    ``vain``: the share of searches that show something else than was looked for, ``lapses`` that of turns in which the
    expert does nothing (they are not imitated). After both it gives the question up ("unknown"), which counts as right.

    ``workers``: so many processes make lessons ahead, in the order in which one would; 0: the trainer's own.
    """

    real: Part = 0.25
    products: int = Field(default=60, ge=10)
    countries: int = Field(default=24, ge=2)
    per_lesson: int = Field(default=32, ge=1)
    mixed: int = Field(default=8, ge=1)
    objectives: Count | Range = 1
    delays: Count | Range = 1
    compositions: tuple[Composition, ...] = (Composition.SEQUENTIAL, Composition.PARALLEL)
    memories: tuple[LessonMemory, ...] = ()
    instruction: str = "Edit."
    quotes: bool = False
    turns: Annotated[int, Field(ge=2)] | None = None
    more: Part = 0.0
    more_objectives: Range = (5, 64)
    held: Part = 0.0
    most_held: Count = 60
    alike: Part = 0.0
    long_values: Part = 0.0
    namesakes: Part = 0.3
    echoes: Part = 0.0
    neighbours: Part = 0.0
    numbers: Count = 72
    anywhere: Part = 0.0
    remarks: Part = 0.0
    distant: Part = 0.0
    slips: Part = 0.0
    stumbles: Part = 0.0
    vain: Part = 0.0
    lapses: Part = 0.0
    workers: Annotated[int, Field(ge=0)] = 0
    top_k: tuple[int, ...] = (1, 2, 2, 3)
    two_hop: Part = 0.3

    @model_validator(mode="after")
    def _numbers_suffice(self) -> Self:
        most = max(
            ends(self.objectives)[1] + (self.most_held if self.held else 0), self.more_objectives[1] if self.more else 0
        )
        if (self.more or self.held) and most >= self.numbers:
            raise ValueError(
                f"up to {most} questions and the line after the last need more than {self.numbers} numbers"
            )
        if self.namesakes + self.echoes > 1:
            raise ValueError(
                f"namesakes and echoes are shares of the same values: {self.namesakes} + {self.echoes} is over 1"
            )
        if self.more + self.held > 1:
            raise ValueError(f"more and held are shares of the same lessons: {self.more} + {self.held} is over 1")
        return self
