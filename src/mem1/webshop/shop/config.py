"""How the web shop is presented to an agent."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from mem1.actions import ActionForm
from mem1.envs.base import Environment
from mem1.envs.config import EnvConfig, Need
from mem1.imports import permitted
from mem1.types import Task
from mem1.webshop.shop.kinds import AUTO, CONTENT_WORDS, PUBLISHED, SHOWN, Look, Mode, SearchKind

if TYPE_CHECKING:  # numpy, and all of the shop, are loaded by what uses them and not by reading a recipe
    from mem1.webshop.catalogue.source import Webshop
    from mem1.webshop.shop.visit import Opening, Shop


def _permitted(name: str) -> str:
    return name if name in (AUTO, CONTENT_WORDS, PUBLISHED) else permitted(name)


Nouns = Annotated[str, AfterValidator(_permitted)]


class WebshopEnvConfig(EnvConfig):
    """Pages, rules and limits of the shop.

    ``turns_per_goal`` is the published limit of 10 steps for each thing to buy; used up, nothing was bought (reward 0)
    and the next wish is shown. ``observation`` is ``text`` or ``text_rich``. ``nouns`` names the noun extractor of the
    reward: ``content_words``, ``en_core_web_sm``, or with ``--allow-imports`` ``spacy:MODEL`` or ``module:function``;
    ``auto`` suits the mode (``nouns.py``). ``shown``: how many products a search finds at most. ``tab``: products have
    the tab "Attributes", which shows what the reward looks for. ``form``: actions as tags of their own, the published
    agent's ``search[...]`` and ``click[...]`` inside the answer's tag, or JSON tool calls. ``prompt`` is ``instruct``,
    ``brief`` (for policies trained on it) or the path of a file with ``{goals}``.
    """

    needs: ClassVar[Set[Need]] = frozenset({"source"})
    lessons: ClassVar[str | None] = "mem1.webshop.lessons:ShopLessons"

    type: Literal["webshop"] = "webshop"
    mode: Mode = "strict"
    observation: Look = "text"
    turns_per_goal: int = Field(default=10, ge=1)
    nouns: Nouns = AUTO
    search: SearchKind = "auto"
    shown: int = Field(default=SHOWN, ge=1)
    tab: bool = False
    form: ActionForm = "tags"
    prompt: Literal["instruct", "brief"] | Path = "instruct"

    @property
    def action_form(self) -> ActionForm:
        """How actions are written."""
        return self.form

    def check_recipe(self, recipe: Any) -> None:
        """It shows the goals of a web shop."""
        if any(source.type != "webshop" for source in recipe.all_sources):
            raise ValueError('env.type = "webshop" and source.type = "webshop" go together')

    @property
    def readable_by_rules(self) -> bool:
        """Whether the rule-based shopper can read its pages and write its actions."""
        return self.observation == "text" and self.form == "tags"

    def opening(self, source: Webshop) -> Opening:
        """What the shop is made from."""
        from mem1.webshop.shop.visit import Opening

        return Opening(source.config, self.mode, self.nouns, self.search, self.shown, self.tab)

    def open(self, source: Webshop) -> Shop:
        """The shop itself. Raises ``Mem1Error``."""
        from mem1.webshop.shop.visit import open_shop

        return open_shop(source, mode=self.mode, nouns=self.nouns, search=self.search, shown=self.shown, tab=self.tab)

    def build(self, source: Webshop) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode."""
        from mem1.webshop.shop.env import ShopEnvironment

        shop = self.open(source)
        return lambda task: ShopEnvironment(
            task,
            shop,
            turns_per_goal=self.turns_per_goal,
            look=self.observation,
            form=self.form,
            prompt=self.prompt,
        )
