"""A catalogue of our own: invented products in the published form, seeded, so that the shop runs with no data.

It serves demonstrations, tests and, with a large count, measurements of what a full catalogue needs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_ASIN_SIGNS = 4  # after a "W": about a million asins


@dataclass(frozen=True, slots=True)
class _Line:
    """One kind of product: its labels, what its options are, what can be said of it."""

    category: str
    query: str
    path: str
    noun: str
    options: tuple[str, ...]
    attributes: tuple[str, ...]
    price: tuple[float, float]


_OPTIONS: dict[str, tuple[str, ...]] = {
    "color": ("black", "white", "navy", "red", "olive", "grey", "teal", "ivory", "brown", "yellow"),
    "size": ("x-small", "small", "medium", "large", "x-large", "xx-large"),
    "shoe size": ("6", "6.5", "7", "7.5", "8", "8.5", "9", "10"),
    "volume": ("2 ounce", "4 ounce", "8 ounce", "16 ounce", "8 ounce (pack of 2)"),
    "scent": ("rose", "vanilla", "mint", "cedar", "lemon", "unscented"),
    "flavor name": ("cocoa", "salted caramel", "berry", "lime", "ginger", "plain"),
    "length": ("3 feet", "6 feet", "10 feet", "15 feet"),
    "style": ("basic", "deluxe", "travel"),
    "material type": ("oak", "pine", "steel", "bamboo"),
}

_LINES = (
    _Line("beauty", "hair oils", "Beauty & Personal Care › Hair Care › Hair Oils", "Hair Oil", ("scent", "volume"),
          ("argan oil", "dry hair", "sulfate free", "cruelty free", "damaged hair"), (6, 40)),
    _Line("beauty", "face creams", "Beauty & Personal Care › Skin Care › Face Creams", "Face Cream", ("volume",),
          ("fragrance free", "sensitive skin", "hyaluronic acid", "paraben free", "fine lines"), (8, 60)),
    _Line("beauty", "lip balms", "Beauty & Personal Care › Lip Care › Lip Balms", "Lip Balm", ("flavor name",),
          ("coconut oil", "long lasting", "cruelty free", "seed oil", "alcohol free"), (3, 18)),
    _Line("beauty", "makeup brushes", "Beauty & Personal Care › Tools › Makeup Brushes", "Makeup Brush", ("color",),
          ("synthetic hair", "easy clean", "travel size", "eye shadow", "non toxic"), (5, 45)),
    _Line("electronics", "usb cables", "Electronics › Accessories › USB Cables", "USB Cable", ("color", "length"),
          ("fast charging", "nylon braided", "gold plated", "high speed", "heavy duty"), (5, 30)),
    _Line("electronics", "earbuds", "Electronics › Headphones › Earbuds", "Earbuds", ("color",),
          ("noise cancelling", "water resistant", "wireless charging", "stereo sound", "hands free"), (15, 150)),
    _Line("electronics", "tripods", "Electronics › Camera & Photo › Tripods", "Camera Tripod", ("style",),
          ("carbon fiber", "quick release", "light weight", "easy carry", "aluminum alloy"), (20, 220)),
    _Line("electronics", "projectors", "Electronics › Video › Projectors", "Video Projector", ("style",),
          ("high resolution", "dual band", "usb port", "wall mounted", "easy install"), (60, 700)),
    _Line("fashion", "women's dresses", "Clothing, Shoes & Jewelry › Women › Dresses", "Women Dress", ("color", "size"),
          ("long sleeve", "machine wash", "elastic waist", "v neck", "polyester spandex"), (15, 90)),
    _Line("fashion", "men's shirts", "Clothing, Shoes & Jewelry › Men › Shirts", "Men Shirt", ("color", "size"),
          ("short sleeve", "slim fit", "button closure", "moisture wicking", "classic fit"), (10, 70)),
    _Line("fashion", "sneakers", "Clothing, Shoes & Jewelry › Shoes › Sneakers", "Sneakers", ("color", "shoe size"),
          ("rubber sole", "arch support", "memory foam", "lace closure", "slip resistant"), (25, 130)),
    _Line("fashion", "rain coats", "Clothing, Shoes & Jewelry › Women › Coats", "Rain Coat", ("color", "size"),
          ("wind resistant", "hooded design", "quick drying", "loose fit", "button closure"), (30, 160)),
    _Line("garden", "desk lamps", "Home & Kitchen › Lighting › Desk Lamps", "Desk Lamp", ("color", "style"),
          ("led light", "eye care", "clear glass", "space saving", "easy assemble"), (12, 110)),
    _Line("garden", "bookcases", "Home & Kitchen › Furniture › Bookcases", "Bookcase", ("material type",),
          ("solid wood", "storage space", "easy assemble", "white finish", "living room"), (45, 400)),
    _Line("garden", "pillow covers", "Home & Kitchen › Bedding › Pillow Covers", "Pillow Cover", ("color", "size"),
          ("machine washable", "double sided", "super soft", "exquisite workmanship", "printing technology"), (6, 35)),
    _Line("garden", "kitchen stools", "Home & Kitchen › Furniture › Kitchen Stools", "Kitchen Stool", ("color",),
          ("height adjustable", "contemporary style", "faux leather", "metal legs", "heavy duty"), (35, 240)),
    _Line("grocery", "snack bars", "Grocery & Gourmet Food › Snacks › Snack Bars", "Snack Bar",
          ("flavor name", "style"),
          ("gluten free", "plant based", "low sugar", "high protein", "non gmo"), (8, 40)),
    _Line("grocery", "teas", "Grocery & Gourmet Food › Beverages › Teas", "Tea", ("flavor name", "volume"),
          ("caffeine free", "usda organic", "individually wrapped", "kosher certified", "natural flavors"), (4, 30)),
    _Line("grocery", "nut butters", "Grocery & Gourmet Food › Pantry › Nut Butters", "Nut Butter", ("volume",),
          ("dairy free", "soy free", "keto friendly", "artificial colors", "simple ingredients"), (6, 28)),
    _Line("grocery", "spices", "Grocery & Gourmet Food › Pantry › Spices", "Spice Mix", ("flavor name",),
          ("easy use", "quality ingredients", "sugar free", "gift set", "certified organic"), (3, 25)),
)  # fmt: skip

_BRANDS = """
Alvero Benwick Calidra Dorrin Elmstead Farrow Glenora Halvard Isolde Jorvik Kelmar Lunaro Merrin Norvane Ostara
Perrin Quillon Rosvik Selwyn Tamsin Ulveston Varden Wexley Yarrow Zephira
"""
_MODELS = """
Aura Breeze Crest Dune Ember Fjord Grove Haven Iris Jetty Knoll Loft Mesa Nook Orchard Pine Ridge Slate
"""


def made_records(count: int, *, seed: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """``count`` pairs of a product record and its attributes, as the published files hold them.

    Each product is drawn by its own number, so that a longer catalogue begins with the shorter one.
    """
    used: set[str] = set()
    for number in range(count):
        rng = random.Random(f"webshop catalogue {seed} {number}")
        asin = _new_asin(rng, used)
        line = rng.choice(_LINES)
        own = rng.sample(line.attributes, rng.randint(2, 4))
        yield _record(asin, line, own, rng), _attributes(line, own, rng)


def _new_asin(rng: random.Random, used: set[str]) -> str:
    while True:
        asin = "W" + "".join(rng.choices(_SIGNS, k=_ASIN_SIGNS))
        if asin not in used:
            used.add(asin)
            return asin


def _record(asin: str, line: _Line, own: list[str], rng: random.Random) -> dict[str, Any]:
    brand, model = rng.choice(_BRANDS.split()), rng.choice(_MODELS.split())
    return {
        "asin": asin,
        "name": f"{brand} {model} {line.noun}, {', '.join(a.title() for a in own[:2])}",
        "full_description": f"The {model} {line.noun.lower()} by {brand}: {', '.join(own)}.",
        "small_description": [f"{own[0].capitalize()} and {own[1]}", *(a.capitalize() for a in own[2:])],
        "pricing": _pricing(line, rng),
        "images": [""],
        "category": line.category,
        "query": line.query,
        "product_category": line.path,
        "customization_options": {
            name.title(): [{"value": value, "image": None} for value in _values(name, rng)] for name in line.options
        }
        or "",
    }


def _values(name: str, rng: random.Random) -> list[str]:
    """Two to four of an option's values, in its own order."""
    values = _OPTIONS[name]
    chosen = set(rng.sample(values, rng.randint(2, min(4, len(values)))))
    return [value for value in values if value in chosen]


def _pricing(line: _Line, rng: random.Random) -> str:
    low, high = line.price
    price = round(rng.uniform(low, high), 2)
    match rng.random():
        case share if share < 0.03:
            return ""
        case share if share < 0.2:
            return f"${price} - ${round(price * rng.uniform(1.1, 1.5), 2)}"
        case _:
            return f"${price}"


def _attributes(line: _Line, own: list[str], rng: random.Random) -> dict[str, Any]:
    wanted = rng.sample(own, rng.randint(1, min(3, len(own))))
    *front, last = wanted
    before = ", ".join(front) + " " if front else ""
    return {
        "attributes": own,
        "instruction": f"Find me {before}{line.query} with {last}",
        "instruction_attributes": wanted,
    }
