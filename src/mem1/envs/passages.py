"""Question answering by searches: how many passages one shows, and in what form."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mem1.envs.published import Published, published_hint, published_observation
from mem1.envs.questions import QuestionsConfig, QuestionsEnvironment
from mem1.retrieval.base import Hit
from mem1.rewards.base import Scorer
from mem1.types import Observation, Task

PASSAGE = "Doc {i}(Title: {title}) {text}"


class PassagesConfig(QuestionsConfig):
    """Beside the keys of ``QuestionsConfig``: a search shows ``top_k`` passages.

    ``format``: what a search shows and how many turns are left are said in our words (``"own"``, where ``passage`` is
    the form of a passage), or byte for byte as a published client says them (see ``published.py``).
    """

    own_passage: ClassVar[str] = PASSAGE
    passage_names: ClassVar[tuple[str, ...]] = ("i", "title", "text")

    top_k: int = Field(default=3, ge=1)
    format: Literal["own"] | Published = "own"
    passage: str = PASSAGE

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.format != "own" and self.passage != self.own_passage:
            raise ValueError(f"passage is not used where format is {self.format!r}: leave it out")
        return self

    @field_validator("passage")
    @classmethod
    def _names_what_there_is(cls, passage: str) -> str:
        try:
            passage.format(**dict.fromkeys(cls.passage_names, "1"))
        except (KeyError, IndexError, ValueError, AttributeError):
            known = ", ".join(f"{{{name}}}" for name in cls.passage_names)
            raise ValueError(f"a passage's form may hold {known}, and other braces doubled") from None
        return passage


class PassagesEnvironment(QuestionsEnvironment):
    """One episode of question answering by searches: what is found is shown as ``config`` says."""

    def __init__(self, task: Task, config: PassagesConfig, scorer: Scorer) -> None:
        super().__init__(task, config, scorer)
        self._searches = config

    def _shown(self, hits: list[Hit]) -> Observation:
        """What a search shows."""
        if self._searches.format != "own" and self._turns_left() > 0:
            return published_observation(self._searches.format, hits, self._turns_left())
        return self._unless_spent(self._found(hits))

    def _found(self, hits: list[Hit]) -> Observation:
        passages = tuple(
            self._searches.passage.format(i=i, title=hit.passage.title, text=hit.passage.text)
            for i, hit in enumerate(hits, start=1)
        )
        return Observation(head="" if passages else "Nothing was found.", passages=passages)

    def _hint(self) -> str:
        if self._searches.format != "own":
            return published_hint(self._searches.format, self._turns_left())
        return super()._hint()
