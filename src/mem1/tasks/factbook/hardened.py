"""Invented worlds whose values are harder to copy: alike at the beginning, or long.

What a policy that copies by "what stood before" gets wrong first on real countries are values that begin like others:
"Nigerien" beside "Niger", "47.1 years" beside "47,300". Where values differ by nothing else than what follows a common
beginning, the label or the number in front of them has to decide.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.relations import RELATIONS
from mem1.tasks.factbook.world import World

_SHARES = (0.15, 0.3, 0.5)  # of a world's values are alike
_WHOLE = 0.15  # share of the alike values that are the other text itself
_ENDINGS = ("n", "an", "ian", "ese", "i", "er", "s", "ic", "ish", "o", "a", " City")
_NUMBERS = (".{one}", ",{three}", "{one}", "", " years", "%", ".{one} years", " km", " m")
_REFUSED = frozenset("<>|()?;")  # what pages and prompts are written with
_ACCENTS = "àâçèêëîïñòôõöøùûýāăčđēěīłőşšūžñôã"
_CARD = {relation.label: relation.card for relation in RELATIONS}
_LONGEST = 160


def hardened(
    world: World, rng: random.Random, pieces: Sequence[str], *, alike: bool = False, long: bool = False
) -> World:
    """``world`` with other values.

    ``alike``: values that begin like the country's name or another value of their card and go on otherwise. ``long``:
    one value of each card has up to 24 words more. ``pieces`` are texts of tokens to make words from.
    """
    share = rng.choice(_SHARES) if alike else 0.0
    countries = [_country(country, rng, pieces, share, long=long) for country in world.countries]
    return World(f"{world.name}-hard", countries)


def _country(country: Country, rng: random.Random, pieces: Sequence[str], share: float, *, long: bool) -> Country:
    facts = {label: values[0] for label, values in country.facts.items()}
    for label in facts:
        if rng.random() < share:
            facts[label] = _alike(facts, label, country.name, rng, pieces)
    if long:
        cards: dict[str, list[str]] = {}
        for label in facts:
            cards.setdefault(_CARD[label], []).append(label)
        for labels in cards.values():
            chosen = rng.choice(labels)
            words = (_words(rng, pieces) for _ in range(rng.randint(1, 4)))
            facts[chosen] = " ".join((facts[chosen], *words))[:_LONGEST].strip()
    made = {label: (value,) for label, value in facts.items()}
    return Country(country.name, country.split, made, country.prose)


def _alike(facts: Mapping[str, str], label: str, name: str, rng: random.Random, pieces: Sequence[str]) -> str:
    near = [value for other, value in facts.items() if other != label and _CARD[other] == _CARD[label]]
    source = name if rng.random() < 0.5 or not near else rng.choice(near)
    if rng.random() < 0.3:
        source = source.split()[-1]
    if rng.random() < _WHOLE:
        return source
    stem = source[: rng.randint(min(2, len(source)), len(source))].strip()
    value = (stem + _tail(stem, rng, pieces)).strip(" .,:-*'\"")[:60].strip()
    return value if value and not _REFUSED & set(value) else facts[label]


def _tail(stem: str, rng: random.Random, pieces: Sequence[str]) -> str:
    if stem[-1:].isdigit():
        return rng.choice(_NUMBERS).format(one=rng.randint(1, 9), three=rng.randint(100, 999))
    if rng.random() < 0.5:
        return rng.choice(_ENDINGS)
    word = _words(rng, pieces)
    return word.split()[0].lower() if rng.random() < 0.7 else f" {word}"


def _words(rng: random.Random, pieces: Sequence[str]) -> str:
    """One to six words, now and then with a letter that has an accent."""
    made = [
        "".join(rng.choice(pieces or _ENDINGS) for _ in range(rng.randint(1, 3))).strip()
        for _ in range(rng.randint(1, 6))
    ]
    text = " ".join(word for word in made if word) or "zan"
    if rng.random() < 0.25:
        at = rng.randint(0, len(text))
        text = text[:at] + rng.choice(_ACCENTS) + text[at:]
    return text
