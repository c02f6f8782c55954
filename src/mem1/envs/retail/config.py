"""tau2's retail shop in a recipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Set
from typing import Any, ClassVar, Literal

from pydantic import Field

from mem1.actions import ActionForm
from mem1.envs.base import Environment
from mem1.envs.config import EnvConfig, Need
from mem1.tasks.retail import PACKAGE, Retail
from mem1.types import Task


class RetailEnvConfig(EnvConfig):
    """``turns_per_request``: turns until a request counts as over. ``command``: starts the MCP server; empty: the
    package's, in this Python. ``call_seconds``: for one of its calls. Actions are JSON calls.
    """

    needs: ClassVar[Set[Need]] = frozenset({"source"})

    type: Literal["tau2_retail"] = "tau2_retail"
    turns_per_request: int = Field(default=30, ge=1)
    command: tuple[str, ...] = ()
    call_seconds: float = Field(default=60.0, gt=0)

    @property
    def action_form(self) -> ActionForm:
        """The tools take several arguments."""
        return "json"

    @property
    def started(self) -> tuple[str, ...]:
        """What starts the server."""
        return self.command or (sys.executable, "-m", f"{PACKAGE}.server")

    def check_recipe(self, recipe: Any) -> None:
        """It serves the requests of its own source."""
        if any(source.type != "tau2_retail" for source in recipe.all_sources):
            raise ValueError('env.type = "tau2_retail" and source.type = "tau2_retail" go together')

    def build(self, source: Retail) -> Callable[[Task], Environment]:
        """A maker of environments over one server, which ends with the command. Raises ``ToolFailedError``."""
        from mem1.envs.retail.env import RetailEnvironment
        from mem1.envs.retail.shop import open_shop

        shop, policy = open_shop(self.started, self.call_seconds), source.policy
        return lambda task: RetailEnvironment(task, shop, policy, turns=self.turns_per_request)
