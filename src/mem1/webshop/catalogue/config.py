"""The web shop as a task source in a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from mem1.tasks.source_config import SourceConfig
from mem1.webshop.shop.kinds import ProtocolName, SplitRule, habits_of

if TYPE_CHECKING:
    from mem1.webshop.catalogue.source import Webshop

GoalType = Literal["synthetic", "human"]


class WebshopConfig(SourceConfig):
    """Which shop, which goals, which split.

    Without ``items`` the shop is our own: ``products`` invented ones, drawn from ``catalogue_seed``. With it, the
    published files: ``items`` and ``attributes``, of which the first ``products`` records are taken (``None``: all);
    human goals need ``human_instructions`` (items_human_ins.json), and take their place in the published order from
    ``human_index`` (human_goals.json) where it is given.

    ``splits``: "published" has the indices 0-499 for test, 500-1,499 for dev, the rest for train; "mem1" has 0-499 for
    test and the rest for train, so that products are in both; "by_product" deals whole products, one in ten to test and
    one in ten to dev. ``price_seed`` decides purchase prices inside a range, and price limits;
    ``shuffle_seed`` the goals' order. ``protocol`` sets ``splits`` and ``shuffle_seed`` to what that project has (see
    ``HABITS``); each can still be given.
    """

    type: Literal["webshop"] = "webshop"
    items: Path | None = None
    attributes: Path | None = None
    human_instructions: Path | None = None
    human_index: Path | None = None
    products: int | None = Field(default=None, ge=1)
    catalogue_seed: int = 0
    goals: GoalType = "synthetic"
    splits: SplitRule = "by_product"
    price_seed: int = 0
    shuffle_seed: int = 233
    protocol: ProtocolName | None = None

    @model_validator(mode="before")
    @classmethod
    def _by_protocol(cls, data: Any) -> Any:
        habits = habits_of(data)
        return data if habits is None else {"splits": habits.splits, "shuffle_seed": habits.shuffle_seed} | data

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.items is None) != (self.attributes is None):
            raise ValueError("items and attributes go together: items_shuffle*.json and items_ins_v2*.json")
        if self.goals == "human" and (self.items is None or self.human_instructions is None):
            raise ValueError("human goals need items, attributes and human_instructions (items_human_ins.json)")
        return self

    def check_recipe(self, recipe: Any) -> None:
        """Its goals are met in the shop only."""
        if recipe.env.type != "webshop":
            raise ValueError('env.type = "webshop" and source.type = "webshop" go together')

    def build(self) -> Webshop:
        """The source; files are read when first needed. Raises ``DataError``."""
        from mem1.webshop.catalogue.source import Webshop

        return Webshop(self)
