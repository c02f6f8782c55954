"""Question answering with any tools: files, corpora, the web, and those of any MCP server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from typing import ClassVar, Literal

from mem1.envs.base import Environment
from mem1.envs.config import Need
from mem1.envs.questions import QuestionsConfig, QuestionsEnvironment
from mem1.event_loop import at_end
from mem1.http import background
from mem1.rewards.base import Scorer
from mem1.tools.build import build_toolbox
from mem1.tools.config import ToolsConfig
from mem1.tools.toolbox import Toolbox
from mem1.types import Observation, Task, ToolCall


class ToolsEnvConfig(QuestionsConfig):
    """Beside the keys of ``QuestionsConfig``: ``tools``, as for ``mem1 run``. Actions are JSON calls by default."""

    needs: ClassVar[Set[Need]] = frozenset({"scorer"})

    type: Literal["tools"] = "tools"
    form: Literal["tags", "json"] = "json"
    tools: ToolsConfig

    def build(self, scorer: Scorer) -> Callable[[Task], Environment]:
        """A maker of environments over the same tools, which are closed with the command. Raises ``Mem1Error``."""
        toolbox = build_toolbox(self.tools, taken={"answer"}, section="env.tools")
        _, leave = background.enter(toolbox)
        at_end(leave)
        return ToolsWorld(self, toolbox, scorer)


class ToolsWorld:
    """Makes environments over the same tools, and says what the web was asked for."""

    def __init__(self, config: ToolsEnvConfig, toolbox: Toolbox, scorer: Scorer) -> None:
        self._config, self._toolbox, self._scorer = config, toolbox, scorer

    def __call__(self, task: Task) -> ToolsEnvironment:
        """A fresh environment for ``task``."""
        return ToolsEnvironment(task, self._config, self._toolbox, self._scorer)

    @property
    def counts(self) -> Mapping[str, int]:
        """Searches and pages so far, and failures by cause (see ``WebTools.counts``); empty without the web."""
        return self._toolbox.counts


class ToolsEnvironment(QuestionsEnvironment):
    """One episode with the tools of ``toolbox`` (an ``Environment``), which is entered on the connections' loop.

    A call that fails is told to the policy; what ends the run (a refused key) is raised.
    """

    def __init__(self, task: Task, config: ToolsEnvConfig, toolbox: Toolbox, scorer: Scorer) -> None:
        super().__init__(task, config, scorer)
        self._toolbox = toolbox
        self.tools = toolbox.specs

    async def _use(self, call: ToolCall) -> Observation | None:
        if call.name not in self._toolbox:
            return None
        found = await background.run(self._toolbox.call(call.name, call.arguments))
        head = f"{call.name} failed:" if found.failed else ""
        return self._unless_spent(Observation(head=head, passages=(found.text,)))
