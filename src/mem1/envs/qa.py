"""Question answering with a search tool over a corpus."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import ClassVar, Literal

from mem1.actions.tools import SEARCH
from mem1.envs.base import Environment
from mem1.envs.config import Need
from mem1.envs.passages import PassagesConfig, PassagesEnvironment
from mem1.envs.questions import default_max_turns
from mem1.retrieval.base import Retriever
from mem1.rewards.base import Scorer
from mem1.types import Observation, Task, ToolCall

__all__ = ["QaEnvConfig", "QaEnvironment", "default_max_turns"]


class QaEnvConfig(PassagesConfig):
    """Question answering over the recipe's ``retriever``; see ``PassagesConfig`` for its keys."""

    needs: ClassVar[Set[Need]] = frozenset({"retriever", "scorer"})
    lessons: ClassVar[str | None] = "mem1.runtime.lessons.world:WorldLessons"

    type: Literal["qa"] = "qa"

    def build(self, retriever: Retriever, scorer: Scorer) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode."""
        return lambda task: QaEnvironment(task, self, retriever, scorer)


class QaEnvironment(PassagesEnvironment):
    """One episode of question answering (an ``Environment``)."""

    tools = (SEARCH,)

    def __init__(self, task: Task, config: QaEnvConfig, retriever: Retriever, scorer: Scorer) -> None:
        super().__init__(task, config, scorer)
        self._retriever = retriever

    async def _use(self, call: ToolCall) -> Observation | None:
        match call:
            case ToolCall(name=SEARCH.name, arguments={"query": str(query)}):
                return self._shown((await self._retriever.search([query], self._searches.top_k))[0])
            case _:
                return None
