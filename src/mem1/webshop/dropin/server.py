"""What many environments share: the shop, its goals in the published form, and who is in it."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.goals import SHUFFLE_SEED, Goal, by_weight
from mem1.webshop.catalogue.products import Product
from mem1.webshop.shop.visit import Opening, Shop, shared_shop

GoalFacts = dict[str, Any]
GoalFilter = Callable[[int, GoalFacts], bool]


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is made from. The files are the published ones; without ``file_path`` the catalogue is our own.

    ``attr_path``, by default, is the file of attributes that lies beside ``file_path`` and is named after it, and
    human goals come from ``items_human_ins.json`` in the same folder. ``filter_goals`` gets a goal's index and it.
    ``limit_goals``: so many, drawn by weight (-1: all). ``seed``: of the goals' order. ``source`` takes the place of
    all that names files and goals.
    """

    file_path: str | Path | None = None
    attr_path: str | Path | None = None
    human_goals: bool = False
    num_products: int | None = None
    filter_goals: GoalFilter | None = None
    limit_goals: int = -1
    show_attrs: bool = False
    seed: int = SHUFFLE_SEED
    nouns: str = "auto"
    source: WebshopConfig | None = None

    @classmethod
    def of(cls, source: WebshopConfig, *, nouns: str, show_attrs: bool) -> ServerSettings:
        """Those of a recipe's shop."""
        return cls(source=source, nouns=nouns, show_attrs=show_attrs)

    def opening(self) -> Opening:
        """The shop's part of it. Raises ``ConfigError`` where there is no file of attributes or human goals."""
        return Opening(self.source or self._source(), mode="compat", nouns=self.nouns, tab=self.show_attrs)

    def _source(self) -> WebshopConfig:
        if self.file_path:
            items = Path(self.file_path)
            attributes = Path(self.attr_path) if self.attr_path else items.with_name(_attributes_of(items.name))
            people = items.with_name("items_human_ins.json") if self.human_goals else None
            return WebshopConfig(
                items=items,
                attributes=attributes,
                human_instructions=people,
                goals="human" if self.human_goals else "synthetic",
                products=self.num_products,
                shuffle_seed=self.seed,
            )
        if self.human_goals:
            raise ConfigError(
                "the catalogue of our own has no human goals", where="human_goals", hint="give the published files"
            )
        return WebshopConfig(products=self.num_products, shuffle_seed=self.seed)


class ShopServer:
    """The published ``SimServer``'s part: ``goals``, their weights, and ``user_sessions`` by the session's name.

    ``goals`` are dictionaries with the published keys, and may be replaced; ``assigned_instruction_text``, where it is
    set, takes the place of the text of every goal that a session begins with.
    """

    def __init__(self, settings: ServerSettings | None = None) -> None:
        self.settings = settings or ServerSettings()
        self.shop: Shop = shared_shop(self.settings.opening())
        self.goals: list[GoalFacts] = list(_chosen(self.shop, self.settings))
        self.user_sessions: dict[str, dict[str, Any]] = {}
        self.assigned_instruction_text: str | None = None

    @property
    def show_attrs(self) -> bool:
        """Whether products have the tab "Attributes"."""
        return self.settings.show_attrs

    @property
    def weights(self) -> list[float]:
        """How often each goal is drawn, relative to others."""
        return [goal["weight"] for goal in self.goals]

    @property
    def cum_weights(self) -> list[float]:
        """Their sums, from 0."""
        return [0.0, *accumulate(self.weights)]

    @property
    def product_prices(self) -> Mapping[str, float]:
        """What each product costs, by asin."""
        return self.shop.price

    @cached_property
    def product_item_dict(self) -> dict[str, dict[str, Any]]:
        """The products with the published keys, by asin."""
        return {asin: published_record(product) for asin, product in self.shop.machine.products.items()}

    @property
    def all_products(self) -> list[dict[str, Any]]:
        """The products with the published keys."""
        return list(self.product_item_dict.values())

    def goal(self, index: int) -> Goal:
        """The goal at ``index`` as it now stands in ``goals``. Raises ``ConfigError`` where there is none."""
        if not -len(self.goals) <= index < len(self.goals):
            raise ConfigError(
                f"there is no goal {index}", where="session", hint=f"give a number from 0 to {len(self.goals) - 1}"
            )
        if self.assigned_instruction_text is not None:
            self.goals[index] = self.goals[index] | {"instruction_text": self.assigned_instruction_text}
        return goal_from(self.goals[index])

    def drawn(self, rng: random.Random) -> int:
        """The index of a goal drawn by weight, as the published code draws it. Raises ``ConfigError`` without goals."""
        if not self.goals:
            raise ConfigError("the shop has no goals", where="goals", hint="let filter_goals leave some")
        return by_weight(self.cum_weights, rng.uniform)

    def __copy__(self) -> ShopServer:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> ShopServer:
        return self

    def __reduce__(self) -> tuple[Callable[..., ShopServer], tuple[Any, ...]]:
        made = _chosen(self.shop, self.settings)
        own = None if len(made) == len(self.goals) and all(map(operator.is_, made, self.goals)) else self.goals
        return _restored, (self.settings, own, self.assigned_instruction_text)


def _restored(settings: ServerSettings, goals: list[GoalFacts] | None, text: str | None) -> ShopServer:
    """The server of another process: its shop and goals are made here, once for all that come."""
    server = ShopServer(settings)
    server.goals = server.goals if goals is None else goals
    server.assigned_instruction_text = text
    return server


_CHOSEN: dict[ServerSettings, tuple[Shop, list[GoalFacts]]] = {}


def _chosen(shop: Shop, settings: ServerSettings) -> list[GoalFacts]:
    """The goals of those settings, made once for each shop."""
    of, found = _CHOSEN.get(settings, (None, []))
    if of is not shop:
        found = _choose(shop, settings)
        _CHOSEN[settings] = (shop, found)
    return found


def _choose(shop: Shop, settings: ServerSettings) -> list[GoalFacts]:
    assert shop.source is not None  # it was opened by its settings
    everything = [published_goal(goal) for goal in shop.source.goals]
    keep = settings.filter_goals
    goals = everything if keep is None else [goal for index, goal in enumerate(everything) if keep(index, goal)]
    if settings.limit_goals == -1 or settings.limit_goals >= len(goals):
        return goals
    rng = random.Random(settings.seed)
    rng.shuffle(list(range(len(everything))))  # the draws go on where the shuffle left off
    sums = [0.0, *accumulate(goal["weight"] for goal in goals)]
    drawn: dict[int, None] = {}
    while len(drawn) < settings.limit_goals:
        drawn[by_weight(sums, rng.uniform)] = None
    return [goals[index] for index in drawn]


def published_goal(goal: Goal) -> GoalFacts:
    """A goal with the published keys; options with their names are a dictionary, human goals' options a list."""
    named = bool(goal.option_names) or not goal.options
    return {
        "asin": goal.asin,
        "category": goal.category,
        "query": goal.query,
        "name": goal.name,
        "product_category": goal.product_category,
        "instruction_text": goal.instruction,
        "attributes": list(goal.attributes),
        "price_upper": goal.price_upper,
        "goal_options": dict(zip(goal.option_names, goal.options, strict=True)) if named else list(goal.options),
        "weight": goal.weight,
    }


def goal_from(facts: GoalFacts) -> Goal:
    """The goal that a dictionary with the published keys describes."""
    options = facts["goal_options"]
    named = isinstance(options, Mapping)
    return Goal(
        asin=facts["asin"],
        instruction=facts["instruction_text"],
        attributes=tuple(facts["attributes"]),
        options=tuple(options.values() if named else options),
        option_names=tuple(options) if named else (),
        price_upper=facts["price_upper"],
        category=facts["category"],
        query=facts["query"],
        name=facts["name"],
        product_category=facts["product_category"],
        weight=facts.get("weight", 1.0),
    )


def published_record(product: Product) -> dict[str, Any]:
    """A product with the published keys."""
    return {
        "asin": product.asin,
        "name": product.title,
        "Title": product.title,
        "Description": product.description,
        "BulletPoints": list(product.bullets),
        "Attributes": list(product.attributes) if product.listed else ["DUMMY_ATTR"],
        "Price": product.price_tag,
        "pricing": list(product.prices),
        "options": {name: list(values) for name, values in product.options.items()},
        "category": product.category,
        "query": product.query,
        "product_category": product.product_category,
        "MainImage": product.image,
        "Rating": "N.A.",
        "Reviews": [],
        "instruction_text": product.instruction,
        "instruction_attributes": list(product.instruction_attributes),
    }


def _attributes_of(items: str) -> str:
    return items.replace("items_shuffle", "items_ins_v2") if "items_shuffle" in items else f"attributes_of_{items}"
