"""The web shop as a task source: a catalogue, its goals, and how they are split."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from mem1.errors import DataError
from mem1.tasks.base import Split
from mem1.tasks.shuffle import digest
from mem1.types import Objective
from mem1.webshop.catalogue.bundles import BundleMaker, Wish, wish_from
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.goals import (
    SHUFFLE_SEED,
    Goal,
    human_goals,
    read_human_index,
    read_human_instructions,
    said,
    shuffled,
    synthetic_goals,
)
from mem1.webshop.catalogue.made import made_records
from mem1.webshop.catalogue.products import Product, products_of, read_products

_SOURCE = "webshop"
OWN_PRODUCTS = 300


class Webshop:
    """A shop's products and goals (a ``Source``: each goal is an objective; a ``ChainSource``: chains are bundles)."""

    def __init__(self, config: WebshopConfig) -> None:
        self.config = config
        self._bundles: dict[Split, BundleMaker] = {}

    @property
    def name(self) -> str:
        """``"webshop"``."""
        return _SOURCE

    @cached_property
    def products(self) -> dict[str, Product]:
        """All products by asin, in the catalogue's order."""
        config = self.config
        if config.items is not None and config.attributes is not None:
            found = read_products(config.items, config.attributes, limit=config.products)
        else:
            made = list(made_records(config.products or OWN_PRODUCTS, seed=config.catalogue_seed))
            extra = {record["asin"]: attributes for record, attributes in made}
            found = list(products_of((record for record, _ in made), extra, where="the catalogue of our own"))
        if not found:
            raise DataError("the catalogue has no product", where=str(config.items), hint="give a file with records")
        return {product.asin: product for product in found}

    @cached_property
    def goals(self) -> tuple[Goal, ...]:
        """All goals in the published order (Python's shuffle, seed 233 unless told); the position is a goal's index."""
        config, products = self.config, self.products.values()
        if config.goals == "synthetic":
            goals = synthetic_goals(products, seed=config.price_seed)
        else:
            assert config.human_instructions is not None  # the configuration has seen to it
            goals = human_goals(products, read_human_instructions(config.human_instructions), seed=config.price_seed)
        return tuple(shuffled(goals, config.shuffle_seed))

    @cached_property
    def price(self) -> Mapping[str, float]:
        """What each product costs at the till."""
        return {asin: product.price(self.config.price_seed) for asin, product in self.products.items()}

    @property
    def label(self) -> str:
        """Catalogue, goals and split in words, for every result."""
        config = self.config
        catalogue = f"own (seed {config.catalogue_seed})" if config.items is None else config.items.name
        order = "" if config.shuffle_seed == SHUFFLE_SEED else f", order of seed {config.shuffle_seed}"
        return f"{catalogue}, {len(self.products):,} products, {config.goals} goals, split {config.splits}{order}"

    def objectives(self, split: Split) -> Sequence[Objective]:
        """The goals of a split, in the published order."""
        return self._splits[split]

    def start(self, rng: random.Random, split: Split) -> Objective:
        """The first wish of a bundle. Raises ``DataError`` where no goal of the split has an option with a name."""
        return self._wished(self._maker(split).first(rng), split)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """A wish that depends on what is bought for an earlier one; ``None`` where there is none."""
        facts = previous.metadata["bundle"]
        split: Split = facts["split"]
        wish = self._maker(split).next(wish_from(facts), rng)
        return None if wish is None else self._wished(wish, split)

    def _maker(self, split: Split) -> BundleMaker:
        if split not in self._bundles:
            found = (int(objective.id.rpartition("/")[2]) for objective in self.objectives(split))
            self._bundles[split] = BundleMaker({number: self.goals[number] for number in found}, self.price)
        return self._bundles[split]

    def _wished(self, wish: Wish, split: Split) -> Objective:
        maker, links = self._maker(split), "".join(f"<{name}{thing}" for name, thing in wish.links.items())
        plain = self._objective(wish.goal, maker.goal(wish))
        return plain.model_copy(
            update={
                "id": f"{plain.id}/bundle{links}",
                "question": maker.text(wish),
                "metadata": {**plain.metadata, "bundle": {**wish.facts, "split": split}},
            }
        )

    @cached_property
    def _splits(self) -> dict[Split, tuple[Objective, ...]]:
        found: dict[Split, list[Objective]] = {"train": [], "dev": [], "test": []}
        for number, (goal, index) in enumerate(zip(self.goals, self._indices, strict=True)):
            split = _by_product(goal.asin) if self.config.splits == "by_product" else self._by_index(index)
            found[split].append(self._objective(number, goal))
        return {split: tuple(some) for split, some in found.items()}

    @cached_property
    def _indices(self) -> tuple[int, ...]:
        """Each goal's index in the published order: its position, or what ``human_index`` says of its words."""
        if self.config.goals == "synthetic" or self.config.human_index is None:
            return tuple(range(len(self.goals)))
        index = read_human_index(self.config.human_index)
        unknown = [goal.instruction for goal in self.goals if said(goal.instruction) not in index]
        if unknown:
            raise DataError(
                f"{len(unknown)} human goals are not in the index, e.g. {unknown[0]!r}",
                where=str(self.config.human_index),
                hint="use the human_goals.json that belongs to items_human_ins.json",
            )
        return tuple(index[said(goal.instruction)] for goal in self.goals)

    def _by_index(self, index: int) -> Split:
        if index < 500:
            return "test"
        return "dev" if self.config.splits == "published" and index < 1500 else "train"

    def _objective(self, number: int, goal: Goal) -> Objective:
        return Objective(
            id=f"{_SOURCE}/{self.config.goals}/{number}",
            question=goal.instruction,
            answers=(goal.asin,),
            source=_SOURCE,
            metadata={"kind": "instruction", "entity": goal.asin, "goal": _plain(goal), "shop": self.label},
        )


def goal_of(objective: Objective) -> Goal:
    """The goal behind an objective of this source. Raises ``DataError`` for another one's."""
    facts: dict[str, Any] = objective.metadata.get("goal") or {}
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in facts.items()}
    try:
        return Goal(**values)
    except TypeError as error:
        raise DataError(
            f"the objective {objective.id!r} is not a goal of a shop",
            where="task",
            hint="use source = { type = 'webshop' } with the shop's environment",
        ) from error


def _by_product(asin: str) -> Split:
    """Dealt by a hash of the asin: 80 % train, 10 % dev, 10 % test, the same in every catalogue."""
    match int(digest("webshop split", asin)[:8], 16) % 10:
        case 0:
            return "test"
        case 1:
            return "dev"
        case _:
            return "train"


def _plain(goal: Goal) -> dict[str, Any]:
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(goal).items()}
