"""Goals of a shop: what a customer wants, made from products as WebShop makes them.

Source: princeton-nlp/WebShop, engine/goal.py and the text environment. Prices are seeded here; they are not there.
"""

from __future__ import annotations

import random
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product as combinations
from pathlib import Path
from typing import Any

from mem1.errors import DataError
from mem1.storage.foreign import parsed, shown, text_of
from mem1.webshop.catalogue.products import Product, read_object, texts

NO_LIMIT = 1_000_000.0
SHUFFLE_SEED = 233  # WebShop's
_LIMITS = tuple(10.0 * step for step in range(1, 100))


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be bought, and what a purchase is measured against.

    ``instruction`` is what the customer says, the price limit included. ``options`` are the wanted values;
    ``option_names`` their names where they are known (synthetic goals). ``weight``: how often WebShop draws the goal,
    relative to others.
    """

    asin: str
    instruction: str
    attributes: tuple[str, ...]
    options: tuple[str, ...]
    option_names: tuple[str, ...]
    price_upper: float
    category: str
    query: str
    name: str
    product_category: str
    weight: float = 1.0


def synthetic_goals(products: Iterable[Product], *, seed: int) -> list[Goal]:
    """One goal for each combination of option values of each product with an instruction, in the products' order.

    Text: instruction + " with k: v, and k: v" + price part; names are sorted, the last one varies fastest. The weight
    is the mean over a goal's attributes of 1 / (goals with that attribute).
    """
    goals: list[Goal] = []
    for item in products:
        if item.instruction is None:
            continue
        if not item.instruction_attributes:
            raise DataError(
                f"product {item.asin} has an instruction without attributes",
                where="items_ins_v2",
                hint="give it instruction_attributes, or no instruction",
            )
        limit, price_text = _limit(item.price(seed), f"{seed} {item.asin}")
        names = tuple(sorted(item.options))
        for values in combinations(*(item.options[name] for name in names)):
            wanted = ", and ".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
            text = f"{item.instruction}{' with ' + wanted if wanted else ''}{price_text}"
            goals.append(_goal(item, text, item.instruction_attributes, values, names, limit))
    count = Counter(attribute for goal in goals for attribute in goal.attributes)
    return [replace(goal, weight=sum(1 / count[a] for a in goal.attributes) / len(goal.attributes)) for goal in goals]


def human_goals(
    products: Iterable[Product], instructions: Mapping[str, Sequence[Mapping[str, Any]]], *, seed: int
) -> list[Goal]:
    """One goal for each human instruction that has attributes, in the products' order; all of weight 1.

    ``instructions`` is ``items_human_ins.json``: records by asin with ``instruction``, ``instruction_attributes`` and
    ``instruction_options``.
    """
    goals = []
    for item in products:
        for number, record in enumerate(_records(instructions, item.asin)):
            place = f"items_human_ins.json, product {item.asin}, instruction {number}"
            try:
                attributes = texts(record["instruction_attributes"], "instruction_attributes", place)
                options = record["instruction_options"]
                said = record["instruction"].strip(".")
                chosen = list(options.values()) if isinstance(options, Mapping) else options
                values = texts(chosen, "instruction_options", place)
            except (KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"instruction {number} of product {item.asin} lacks something: {error!r}",
                    where="items_human_ins.json",
                    hint="use the file as it was published (princeton-nlp/WebShop)",
                ) from error
            if not attributes:
                continue
            limit, price_text = _limit(item.price(seed), f"{seed} {item.asin} {number}")
            names = tuple(options) if isinstance(options, Mapping) else ()
            goals.append(_goal(item, said + price_text, attributes, values, names, limit))
    return goals


def shuffled(goals: Sequence[Goal], seed: int = SHUFFLE_SEED) -> list[Goal]:
    """The published order: Python's shuffle with seed 233. A goal's index in it decides its split."""
    order = list(goals)
    random.Random(seed).shuffle(order)
    return order


def by_weight(sums: Sequence[float], uniform: Callable[[float, float], float]) -> int:
    """An index by weight as the published code draws it; ``sums`` of the weights begin with 0.

    It is the place after the drawn one (the last excepted), so that the first goal is never drawn where there are more.
    """
    return min(bisect(sums, uniform(0, sums[-1])), len(sums) - 2)


def read_human_instructions(path: Path) -> dict[str, list[dict[str, Any]]]:
    """``items_human_ins.json``. Raises ``DataError``."""
    return read_object(path, "the file of human instructions")


def read_human_index(path: Path) -> dict[str, int]:
    """``human_goals.json``: the index of each human instruction in the published order of the full catalogue.

    Instructions are compared without case, blanks and full stops at the ends; of equal ones the first counts.
    """
    value = parsed(text_of(path, "the file of human goals"), str(path), hint=_HINT)
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise DataError("the file of human goals is not a list of texts", where=str(path), hint=_HINT)
    index: dict[str, int] = {}
    for number, text in enumerate(value):
        index.setdefault(said(text), number)
    return index


def said(instruction: str) -> str:
    """An instruction without its price part, in the form in which instructions are compared."""
    return instruction.partition(", and price lower than ")[0].strip(" .").lower()


_HINT = "use the file as it was published (princeton-nlp/WebShop)"


def _records(instructions: Mapping[str, Sequence[Mapping[str, Any]]], asin: str) -> Sequence[Mapping[str, Any]]:
    """What people said of a product, whatever case its asin is written in there; nothing for ``null``."""
    found = instructions.get(asin, instructions.get(asin.upper(), instructions.get(asin.lower())))
    if not isinstance(found, list | tuple | None):
        raise DataError(
            f"the instructions of {asin} must be a list, got {shown(found)}", where="items_human_ins.json", hint=_HINT
        )
    return found or ()


def _goal(
    item: Product,
    text: str,
    attributes: tuple[str, ...],
    options: tuple[str, ...],
    names: tuple[str, ...],
    limit: float,
) -> Goal:
    return Goal(
        asin=item.asin,
        instruction=text,
        attributes=attributes,
        options=options,
        option_names=names,
        price_upper=limit,
        category=item.category,
        query=item.query,
        name=item.title,
        product_category=item.product_category,
    )


def _limit(price: float, seed: str) -> tuple[float, str]:
    """A price limit above ``price`` and its words: of the next four tens two are drawn, the larger one counts."""
    above = [limit for limit in _LIMITS if limit > price][:4]
    if len(above) < 2:
        return NO_LIMIT, ""
    upper = max(random.Random(f"webshop limit {seed}").sample(above, 2))
    return upper, f", and price lower than {upper:.2f} dollars"
