"""What a purchase is worth: type, attributes, options and price against the goal.

reward = r_type * (n_att + n_opt + [price <= limit]) / (|attributes| + |options| + 1). Source: princeton-nlp/WebShop,
engine/goal.py, which ``compat`` follows to the last bit; ``strict`` differs in the options alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.products import Product
from mem1.webshop.reward.colours import COLOURS, fold_colour
from mem1.webshop.reward.fuzzy import alike
from mem1.webshop.reward.nouns import Nouns
from mem1.webshop.shop.kinds import Mode


@dataclass(frozen=True, slots=True)
class Reward:
    """A purchase's reward with everything it was made of.

    ``attributes`` and ``options`` are (matched, wanted). ``title_score`` is the share of the goal's nouns in the
    title; ``same_query`` and ``same_category`` are the other two signs of the right type.
    """

    total: float
    r_type: float
    attributes: tuple[int, int]
    options: tuple[int, int]
    price: bool
    title_score: float
    same_query: bool
    same_category: bool
    same_product: bool

    @property
    def success(self) -> bool:
        """Whether everything matched."""
        return self.total == 1.0

    @property
    def parts(self) -> dict[str, float | None]:
        """The parts as numbers between 0 and 1; ``r_option`` is ``None`` for a goal without options."""
        return {
            "r_type": self.r_type,
            "r_att": self.attributes[0] / self.attributes[1],
            "r_option": self.options[0] / self.options[1] if self.options[1] else None,
            "r_price": float(self.price),
            "title_score": self.title_score,
            "same_query": float(self.same_query),
            "same_category": float(self.same_category),
            "same_product": float(self.same_product),
        }


def purchase_reward(
    bought: Product, chosen: Mapping[str, str], price: float, goal: Goal, *, nouns: Nouns, mode: Mode
) -> Reward:
    """The reward for buying ``bought`` with the options ``chosen`` for ``price``. A goal has an attribute or more."""
    r_type, title_score, same_query, same_category = type_reward(bought, goal, nouns)
    n_att = matched_attributes(bought, goal)
    n_opt = (matched_options if mode == "strict" else matched_options_compat)(chosen, goal)
    affordable = price <= goal.price_upper
    wanted = len(goal.attributes) + len(goal.options) + 1
    return Reward(
        total=(n_att + n_opt + affordable) / wanted * r_type,  # in this order: the last bit depends on it
        r_type=r_type,
        attributes=(n_att, len(goal.attributes)),
        options=(n_opt, len(goal.options)),
        price=affordable,
        title_score=title_score,
        same_query=same_query,
        same_category=same_category,
        same_product=bought.asin == goal.asin,
    )


def type_reward(bought: Product, goal: Goal, nouns: Nouns) -> tuple[float, float, bool, bool]:
    """r_type, title score, and whether the query label and at least two category segments are shared.

    title score = |nouns shared| / |nouns of the goal's title| (0.2 where it has none). r_type is 1.0; 0.5 where neither
    label nor categories match and the score is at most 0.2; then 0.1 below 0.1; 0.0 at 0.
    """
    wanted = nouns(goal.name)
    title_score = len(set(wanted) & set(nouns(bought.title))) / len(wanted) if wanted else 0.2
    same_query = bought.query == goal.query
    same_category = len(_segments(bought.product_category) & _segments(goal.product_category)) >= 2
    if title_score == 0:
        r_type = 0.0
    elif title_score < 0.1:
        r_type = 0.1
    else:
        r_type = 1.0 if same_query or same_category or title_score > 0.2 else 0.5
    return r_type, title_score, same_query, same_category


def matched_attributes(bought: Product, goal: Goal) -> int:
    """How many of the goal's attributes the product has: alike to one of its own, or in its texts."""
    return sum(_has_attribute(bought, attribute) for attribute in goal.attributes)


def matched_options(chosen: Mapping[str, str], goal: Goal) -> int:
    """How many wanted options were chosen exactly, under their own name where the goal knows it."""
    values = [_plain(value) for value in chosen.values()]
    if not goal.option_names:
        return sum(_plain(option) in values for option in goal.options)
    return sum(
        name in chosen and _plain(chosen[name]) == _plain(option)
        for name, option in zip(goal.option_names, goal.options, strict=True)
    )


def matched_options_compat(chosen: Mapping[str, str], goal: Goal) -> int:
    """How many wanted options are alike to any chosen value, as the published code has it.

    Where the goal knows the options' names (synthetic goals) an option is the pair of name and value, compared as the
    text of that pair: "size large" is what "x-large" is compared with. A pair counts as a colour only where its name or
    its value is one. Where it does not (human goals) the values are compared, colours folded.
    """
    values = [fold_colour(value) for value in chosen.values()]
    return sum(any(alike(value, option) for value in values) for option in _wanted(goal))


def _wanted(goal: Goal) -> list[str]:
    if not goal.option_names:
        return [fold_colour(option) for option in goal.options]
    pairs = zip(goal.option_names, goal.options, strict=True)
    return [next((colour for colour in COLOURS if colour in pair), str(pair)) for pair in pairs]


def _has_attribute(bought: Product, attribute: str) -> bool:
    return (
        any(alike(own, attribute) for own in bought.attributes)
        or attribute in bought.title.lower()
        or attribute in " ".join(bought.bullets).lower()
        or attribute in bought.description.lower()
    )


@lru_cache(maxsize=4096)
def _segments(category: str) -> frozenset[str]:
    return frozenset(part.strip() for part in category.split("›"))


def _plain(option: str) -> str:
    """An option as it is compared in strict mode: lower-case, single blanks, "/" and "|" the same."""
    return " ".join(re.sub(r"\s*[|/]\s*", "/", option.lower()).split())
