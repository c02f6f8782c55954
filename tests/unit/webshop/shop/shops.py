"""A small shop whose every page can be written down by hand."""

from __future__ import annotations

from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.products import Product
from mem1.webshop.reward.nouns import content_words
from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shop.state_machine import Machine
from mem1.webshop.shop.visit import Shop, Visit


def product(asin: str, title: str = "Desk Lamp", **settings: object) -> Product:
    values: dict[str, object] = {
        "asin": asin,
        "title": title,
        "description": "It shines.",
        "bullets": ("Led light", "Easy use"),
        "prices": (20.0,),
        "options": {"color": ("red", "blue"), "size": ("8", "8.5", "one size"), "style": ("one size",)},
        "attributes": ("led light",),
        "category": "garden",
        "query": "desk lamps",
        "product_category": "Home › Lighting › Desk Lamps",
    }
    return Product(**(values | settings))  # type: ignore[arg-type]


def goal(asin: str = "W00", **settings: object) -> Goal:
    values: dict[str, object] = {
        "asin": asin,
        "instruction": "Find me a lamp",
        "attributes": ("led light", "easy use"),
        "options": ("red", "8.5"),
        "option_names": ("color", "size"),
        "price_upper": 30.0,
        "category": "garden",
        "query": "desk lamps",
        "name": "Desk Lamp",
        "product_category": "Home › Lighting › Desk Lamps",
    }
    return Goal(**(values | settings))  # type: ignore[arg-type]


class Shelf:
    """Finds everything for "lamp", in order, and nothing for anything else."""

    name = "shelf"

    def __init__(self, asins: tuple[str, ...]) -> None:
        self._asins = asins

    def __call__(self, words: str) -> tuple[str, ...]:
        return self._asins if "lamp" in words else ()


def shop(mode: Mode = "strict", count: int = 25) -> Shop:
    """``count`` lamps W00, W01, ...; the third costs 40."""
    products = {f"W{i:02}": product(f"W{i:02}", prices=(40.0,) if i == 2 else (20.0,)) for i in range(count)}
    machine = Machine(products, Shelf(tuple(products)), mode)
    return Shop(machine, {asin: one.prices[0] for asin, one in products.items()}, content_words, f"shelf; {mode}")


def visit(mode: Mode = "strict", **settings: object) -> Visit:
    return Visit(shop(mode), goal(**settings))  # type: ignore[arg-type]
