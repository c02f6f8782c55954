"""How the web shop is presented to an agent."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from mem1.actions import ActionForm
from mem1.envs.base import Environment
from mem1.envs.config import EnvConfig, Need
from mem1.imports import permitted
from mem1.types import Task
from mem1.webshop.shop.kinds import AUTO, CONTENT_WORDS, PUBLISHED, SHOWN, Look, Mode, ProtocolName, habits_of

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
    ``brief`` (for policies trained on it) or the path of a file with ``{goals}``. ``protocol``: the shop as another
    project presents it to a policy, one goal an episode (``protocols/``); it goes with the same ``source.protocol``
    and sets ``mode`` and ``turns_per_goal``.
    """

    needs: ClassVar[Set[Need]] = frozenset({"source"})
    lessons: ClassVar[str | None] = "mem1.webshop.lessons:ShopLessons"
    people: ClassVar[str | None] = "mem1.webshop.people.teacher:people_teach"

    type: Literal["webshop"] = "webshop"
    mode: Mode = "strict"
    observation: Look = "text"
    turns_per_goal: int = Field(default=10, ge=1)
    nouns: Nouns = AUTO
    shown: int = Field(default=SHOWN, ge=1)
    tab: bool = False
    form: Literal["tags", "brackets", "json"] = "tags"
    prompt: Literal["instruct", "brief"] | Path = "instruct"
    protocol: ProtocolName | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_protocol(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("search") in (
            "auto",
            "lucene",
        ):  # of version 0.1
            data = {key: value for key, value in data.items() if key != "search"}
        habits = habits_of(data)
        return data if habits is None else {"mode": "compat", "turns_per_goal": habits.turns} | data

    @model_validator(mode="after")
    def _as_published(self) -> Self:
        if self.protocol is None:
            return self
        if self.mode != "compat":
            raise ValueError(f'protocol = "{self.protocol}" is that of the published shop: mode = "compat"')
        if self.form != "tags":
            raise ValueError(f'protocol = "{self.protocol}" says how actions are written: leave form out')
        if self.observation != "text" and self.protocol != "webshop":
            raise ValueError(f'protocol = "{self.protocol}" shows pages as "text": leave observation out')
        return self

    @property
    def action_form(self) -> ActionForm:
        """How actions are written."""
        return self.form if self.protocol is None else "turn"

    def check_recipe(self, recipe: Any) -> None:
        """It shows the goals of a web shop."""
        if any(source.type != "webshop" for source in recipe.all_sources):
            raise ValueError('env.type = "webshop" and source.type = "webshop" go together')
        if any(source.protocol != self.protocol for source in recipe.all_sources):
            raise ValueError("env.protocol and source.protocol go together: give both the same")
        if self.protocol is not None and recipe.tasks.objectives != 1:
            raise ValueError(f'protocol = "{self.protocol}" has one goal an episode: tasks.objectives = 1')

    @property
    def readable_by_rules(self) -> bool:
        """Whether the rule-based shopper can read its pages and write its actions."""
        return self.observation == "text" and self.form == "tags" and self.protocol is None

    def opening(self, source: Webshop) -> Opening:
        """What the shop is made from."""
        from mem1.webshop.shop.visit import Opening

        return Opening(source.config, self.mode, self.nouns, self.shown, self.tab)

    def open(self, source: Webshop) -> Shop:
        """The shop itself. Raises ``Mem1Error``."""
        from mem1.webshop.shop.visit import open_shop

        return open_shop(source, mode=self.mode, nouns=self.nouns, shown=self.shown, tab=self.tab)

    def build(self, source: Webshop) -> Callable[[Task], Environment]:
        """A maker of environments, one for each episode."""
        from mem1.webshop.protocols.env import ProtocolEnvironment
        from mem1.webshop.shop.env import ShopEnvironment

        shop, name = self.open(source), self.protocol
        if name is not None:
            return lambda task: ProtocolEnvironment(
                task, shop, name=name, turns=self.turns_per_goal, look=self.observation, prompt=self.prompt
            )
        return lambda task: ShopEnvironment(
            task,
            shop,
            turns_per_goal=self.turns_per_goal,
            look=self.observation,
            form=self.form,
            prompt=self.prompt,
        )
