"""Worlds of invented countries, to learn reading from: nothing in them can be recalled, only copied.

Names are made of syllables or of random pieces of the tokenizer's vocabulary (so that every token is met as part of
something to copy); values are the real train countries' values dealt out anew, or reshaped into invented words and
digits. No country of such a world bears the name of one in the base world, so none of its facts is known and recall
cannot lower the loss.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.relations import NAMING, RELATIONS
from mem1.tasks.factbook.world import World

_ONSETS = re.findall(r"\w+", "b br c ch d dr f fl g gr h j k kh kr l m n ny p pr qu r rh s sh st t th tr v w x y z zh")
_VOWELS = re.findall(r"\w+", "a e i o u aa ai au ea ei ie io oa ou ua uu é í ó ã ü")
_CODAS = ["", "", "", "", "n", "r", "s", "l", "m", "k", "t", "ng", "nd", "rt", "sh", "z"]
_WORD = re.compile(r"[^\W\d_]{3,}")
_SUFFIXES = ("", "", "", "n", "an", "ian", "ese", "i", "ia", "o", "s")
_RELATED = 0.2  # share of names that begin like another country's, as real ones do (Guinea, Guinea-Bissau)
_DIGIT = re.compile(r"\d")
_KEPT_WORDS = frozenset({"km", "years", "UTC", "and", "the", "of", "million"})


def synthetic_world(
    seed: int,
    base: World,
    *,
    countries: int = 40,
    pieces: Sequence[str] = (),
    invented: float = 0.5,
    namesakes: float = 0.3,
    echoes: float = 0.0,
    neighbours: float = 0.0,
) -> World:
    """A world of ``countries`` invented countries, all of split ``train``.

    ``base`` lends its train countries' values and prose; ``pieces`` are vocabulary strings to build names from;
    ``invented`` is the share of values that are reshaped into invented ones, of which a share of ``namesakes``
    resembles the country's own name and one of ``echoes`` repeats a part of itself. Of the values that name a country
    in the real world a share of ``neighbours`` names another of this one, so that a chain can go on from there.
    Reproducible from ``seed``.
    """
    rng = random.Random(f"synthetic world {seed}")
    lenders = [country for country in base.countries if country.split == "train"]
    pools = {
        relation.label: [c.facts[relation.label][0] for c in lenders if relation.label in c.facts]
        for relation in RELATIONS
    }
    real = {country.name.lower() for country in base.countries}
    made: dict[str, Country] = {}
    while len(made) < countries:
        name = _name(rng, pieces)
        if made and rng.random() < _RELATED:
            name = f"{rng.choice(list(made.values())).name.split()[0]} {name}"
        facts = {
            label: (_varied(rng, value, name, pieces, (invented, namesakes, echoes)),)
            for label, value in ((label, rng.choice(pool)) for label, pool in pools.items())
        }
        prose = tuple(rng.choice(lender.prose) for lender in rng.sample(lenders, k=1) if lender.prose)
        if name.lower() not in real:
            made.setdefault(name.lower(), Country(name, "train", facts, prose))
    found = list(made.values())
    if neighbours and len(found) > 1:
        # Drawn apart, so that everything else is the same with and without.
        rng = random.Random(f"neighbours of synthetic world {seed}")
        found = [_among(rng, one, found, neighbours) for one in found]
    return World(f"synthetic-{seed}", found)


def _among(rng: random.Random, country: Country, countries: Sequence[Country], share: float) -> Country:
    """``country`` with a ``share`` of the countries that it names among ``countries``."""
    others = [one.name for one in countries if one is not country]
    named = {label: (rng.choice(others),) for label in country.facts if label in NAMING and rng.random() < share}
    return replace(country, facts={**country.facts, **named})


def _varied(
    rng: random.Random, value: str, name: str, pieces: Sequence[str], shares: tuple[float, float, float]
) -> str:
    """``value`` as it is, reshaped, with one word made from the country's name, or with a part that repeats itself."""
    invented, namesakes, echoes = shares
    if rng.random() >= invented:
        return value
    kind = rng.random()
    if kind < namesakes:
        return _namesake(rng, value, name)
    made = _reshaped(rng, value, pieces)
    return _echo(rng, made) if kind < namesakes + echoes else made


def _echo(rng: random.Random, value: str) -> str:
    """``value`` with a part of it once or twice more, and at times going on otherwise: "9,596,960", "Burmama"."""
    begins = rng.randrange(len(value))
    part = value[begins : begins + rng.randint(1, 5)]
    ends = begins + len(part)
    between = rng.choice(("", "", "", ",", "/", " ", "-"))
    return (value[:ends] + (between + part) * rng.choice((1, 1, 2)) + value[ends:])[:80].strip()


def _namesake(rng: random.Random, value: str, name: str) -> str:
    """``value`` with one word replaced by a word of ``name`` or one like it, as in "Peruvian" or "Panama City"."""
    words = [word for word in _WORD.finditer(value) if word.group(0) not in _KEPT_WORDS]
    if not words:
        return value
    old, stem = rng.choice(words), rng.choice(name.split())
    new = stem[: max(3, len(stem) - rng.randint(0, 2))] + rng.choice(_SUFFIXES)
    return value[: old.start()] + new + value[old.end() :]


def _name(rng: random.Random, pieces: Sequence[str]) -> str:
    return " ".join(_word(rng, pieces) for _ in range(rng.choices((1, 2, 3), weights=(6, 3, 1))[0]))


def _word(rng: random.Random, pieces: Sequence[str]) -> str:
    if pieces and rng.random() < 0.5:
        return "".join(rng.choice(pieces) for _ in range(rng.randint(2, 4))).strip().capitalize() or "Zan"
    syllables = (rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS) for _ in range(rng.randint(1, 4)))
    return "".join(syllables).capitalize()


def _reshaped(rng: random.Random, value: str, pieces: Sequence[str]) -> str:
    """``value`` with its words invented anew and its digits drawn anew; units and punctuation stay."""

    def word(match: re.Match[str]) -> str:
        old = match.group(0)
        if old in _KEPT_WORDS:
            return old
        new = _word(rng, pieces)
        return new if old[0].isupper() else new.lower()

    return _DIGIT.sub(lambda _: str(rng.randint(1, 9)), _WORD.sub(word, value))
