"""How the web shop is presented to an agent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import Field

from mem1.actions import ActionForm
from mem1.config import Config
from mem1.envs.base import Environment
from mem1.envs.webshop.env import ShopEnvironment
from mem1.envs.webshop.search import SHOWN, SearchKind
from mem1.envs.webshop.state_machine import Mode
from mem1.envs.webshop.visit import Look, Shop, open_shop
from mem1.tasks.webshop.source import Webshop
from mem1.types import Task


class WebshopEnvConfig(Config):
    """Pages, rules and limits of the shop.

    ``turns_per_goal`` is the published limit of 10 steps for each thing to buy; used up, nothing was bought (reward 0)
    and the next wish is shown. ``observation`` is ``text`` or ``text_rich``. ``nouns`` names the noun extractor of the
    reward: ``content_words``, ``spacy:MODEL`` or ``module:function``. ``shown``: how many products a search finds at
    most. ``form``: actions as tags of their own, or the published agent's ``search[...]`` and ``click[...]`` inside the
    answer's tag, or JSON tool calls. ``prompt`` is ``instruct``, ``brief`` (for policies trained on it) or the path of
    a file with ``{goals}``.
    """

    type: Literal["webshop"] = "webshop"
    mode: Mode = "strict"
    observation: Look = "text"
    turns_per_goal: int = Field(default=10, ge=1)
    nouns: str = "content_words"
    search: SearchKind = "auto"
    shown: int = Field(default=SHOWN, ge=1)
    form: ActionForm = "tags"
    prompt: Literal["instruct", "brief"] | Path = "instruct"

    @property
    def readable_by_rules(self) -> bool:
        """Whether the rule-based shopper can read its pages and write its actions."""
        return self.observation == "text" and self.form == "tags"

    def open(self, source: Webshop) -> Shop:
        """The shop itself. Raises ``Mem1Error``."""
        return open_shop(source, mode=self.mode, nouns=self.nouns, search=self.search, shown=self.shown)

    def build(self, source: Webshop) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode."""
        shop = self.open(source)
        return lambda task: ShopEnvironment(
            task,
            shop,
            turns_per_goal=self.turns_per_goal,
            look=self.observation,
            form=self.form,
            prompt=self.prompt,
        )
