"""The facts asked about in the embedded world: where each stands in the Factbook and how to read it.

A relation's ``label`` is used in questions ("What is the capital of Peru?") and in passages
("capital: Lima"). ``read`` turns the raw field into the accepted answers, best one first, or an empty tuple
where the field does not hold a usable value.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from dataclasses import dataclass

_TAGS = re.compile(r"<[^>]+>")
_BLANKS = re.compile(r"\s+")
_NUMBER = re.compile(r"-?[\d,]+(?:\.\d+)?")
_NOT_A_VALUE = frozenset(
    {"", "none", "na", "n/a", "-", "--", "landlocked", "negligible", "other", "unspecified", "current"}
)


@dataclass(frozen=True, slots=True)
class Relation:
    """One kind of fact. ``card`` groups the relations that share a passage."""

    label: str
    card: str
    path: tuple[str, ...]
    read: Callable[[str], tuple[str, ...]]
    identifies: bool = False  # the value names one country, so that it can be a bridge in a two-hop question
    names_country: bool = False  # the value is a country's name


def plain(text: str) -> str:
    """Text of a Factbook field without markup; entities must be unescaped already."""
    return _BLANKS.sub(" ", _TAGS.sub(" ", text).replace("\xa0", " ")).strip()


def _clean(value: str, *, longest: int = 40) -> tuple[str, ...]:
    value = plain(value).strip(" .,:;-*'\"")
    if value.lower() in _NOT_A_VALUE or len(value) > longest or ";" in value or not re.search(r"\w", value):
        return ()
    return (value,)


def head(text: str) -> tuple[str, ...]:
    """The text up to the first semicolon, bracket, comma or remark."""
    return _clean(re.split(r"[;,(\[]|\bnote\b|<| - ", text, maxsplit=1)[0])


def phrase(text: str) -> tuple[str, ...]:
    """As ``head``, commas kept."""
    return _clean(re.split(r"[;(\[]|\bnote\b|<", text, maxsplit=1)[0])


def first_listed(text: str) -> tuple[str, ...]:
    """The first name of a list such as ``"China 30%, USA 10%"``, without its share."""
    return _clean(re.split(r"[;,(<]|\s[\d.,]+\s*%|\s<", text, maxsplit=1)[0])


def name_before_number(text: str) -> tuple[str, ...]:
    """``"Nevado Huascaran 6,746 m"`` -> the name."""
    found = re.match(r"(.+?)\s+-?[\d,.]+\s*m\b", plain(text))
    return head(found.group(1)) if found else ()


def metres(text: str) -> tuple[str, ...]:
    """``"Nevado Huascaran 6,746 m"`` -> ``"6,746 m"``."""
    found = re.search(r"(-?[\d,.]+)\s*m\b", plain(text))
    return (f"{found.group(1)} m",) if found else ()


def number(text: str) -> tuple[str, ...]:
    """The first number as written."""
    found = _NUMBER.search(plain(text))
    return (found.group(0),) if found and found.group(0) != "0" else ()


def quantity(unit: str) -> Callable[[str], tuple[str, ...]]:
    """The first number followed by ``unit``, with the bare number accepted too."""

    def read(text: str) -> tuple[str, ...]:
        found = re.search(rf"({_NUMBER.pattern})\s*{unit}\b", plain(text))
        return (f"{found.group(1)} {unit}", found.group(1)) if found and found.group(1) != "0" else ()

    return read


def pattern(regex: str) -> Callable[[str], tuple[str, ...]]:
    """The first match of ``regex`` (its first group if it has one)."""
    compiled = re.compile(regex)

    def read(text: str) -> tuple[str, ...]:
        found = compiled.search(plain(text))
        return _clean_code(found.group(1 if compiled.groups else 0)) if found else ()

    return read


def _clean_code(value: str) -> tuple[str, ...]:
    value = value.strip(" ,;")
    return (value,) if value.lower() not in _NOT_A_VALUE else ()


def currency(text: str) -> tuple[str, ...]:
    """``"nuevo sol (PEN) per US dollar -"`` -> ``"nuevo sol"``."""
    return head(re.split(r"\bper\b", text, maxsplit=1)[0])


def largest_city(text: str) -> tuple[str, ...]:
    """``"22.620 million Sao Paulo, 13.728 million Rio"`` -> the first city."""
    found = re.match(r"[\d.,]+(?:\s+million)?\s+([^,(;<]+)", plain(text))
    names = _clean(re.sub(r"\s*\b(capital)\b.*", "", found.group(1))) if found else ()
    return tuple(string.capwords(name) if name.isupper() else name for name in names)  # capitals are in upper case


def adjective(text: str) -> tuple[str, ...]:
    """``"Brazilian(s)"`` -> ``"Brazilian"``; the first of several."""
    return _clean(re.split(r"[;,(]| or ", text, maxsplit=1)[0])


def longest_border(text: str) -> tuple[str, ...]:
    """The neighbour with the longest common border out of ``"Chile 168 km; Brazil 2,659 km"``."""
    found = re.findall(r"([^\d;:()]+?)\s+(?:\([^)]*\)\s+)?([\d,.]+)\s*km", plain(text))
    if not found:
        return ()
    name, _ = max(found, key=lambda pair: float(pair[1].replace(",", "").rstrip(".") or 0))
    return _clean(name)


RELATIONS: tuple[Relation, ...] = (
    Relation("capital", "government", ("Government", "Capital", "name"), head, identifies=True),
    Relation("government type", "government", ("Government", "Government type"), phrase),
    Relation("independence date", "government", ("Government", "Independence"), phrase),
    Relation("voting age", "government", ("Government", "Suffrage"), pattern(r"\d\d years")),
    Relation("official name", "names", ("Government", "Country name", "conventional long form"), phrase),
    Relation("local name", "names", ("Government", "Country name", "local short form"), head),
    Relation("nationality", "names", ("People and Society", "Nationality", "adjective"), adjective),
    Relation("internet code", "names", ("Communications", "Internet country code"), pattern(r"\.[a-z]{2,3}\b"), True),
    Relation("highest point", "terrain", ("Geography", "Elevation", "highest point"), name_before_number, True),
    Relation("highest elevation", "terrain", ("Geography", "Elevation", "highest point"), metres),
    Relation("lowest point", "terrain", ("Geography", "Elevation", "lowest point"), name_before_number),
    Relation("main resource", "terrain", ("Geography", "Natural resources"), first_listed),
    Relation("region", "geography", ("Geography", "Map references"), head),
    Relation("total area", "geography", ("Geography", "Area", "total "), quantity("sq km")),
    Relation("coastline", "geography", ("Geography", "Coastline"), quantity("km")),
    Relation(
        "longest border",
        "geography",
        ("Geography", "Land boundaries", "border countries"),
        longest_border,
        names_country=True,
    ),
    Relation("population", "people", ("People and Society", "Population", "total"), number),
    Relation("median age", "people", ("People and Society", "Median age", "total"), quantity("years")),
    Relation(
        "life expectancy",
        "people",
        ("People and Society", "Life expectancy at birth", "total population"),
        quantity("years"),
    ),
    Relation("largest group", "people", ("People and Society", "Ethnic groups"), first_listed),
    Relation("main religion", "society", ("People and Society", "Religions"), first_listed),
    Relation("largest city", "society", ("People and Society", "Major urban areas - population"), largest_city),
    Relation("time zone", "society", ("Government", "Capital", "time difference"), pattern(r"UTC[+-]?[\d.:]*")),
    Relation(
        "aircraft prefix",
        "society",
        ("Transportation", "Civil aircraft registration country code prefix"),
        pattern(r"^[A-Z0-9-]{1,3}\b"),
        True,
    ),
    Relation("currency", "trade", ("Economy", "Exchange rates", "Currency"), currency),
    Relation("main export", "trade", ("Economy", "Exports - commodities"), first_listed),
    Relation("top customer", "trade", ("Economy", "Exports - partners"), first_listed, names_country=True),
    Relation("top supplier", "trade", ("Economy", "Imports - partners"), first_listed, names_country=True),
    Relation("main crop", "work", ("Economy", "Agricultural products"), first_listed),
    Relation("main industry", "work", ("Economy", "Industries"), first_listed),
    Relation("number of airports", "work", ("Transportation", "Airports"), number),
    Relation("head of state", "work", ("Government", "Executive branch", "chief of state"), phrase),
)

NAMING = tuple(relation.label for relation in RELATIONS if relation.names_country)
"""The labels of those whose values are countries."""

ALIASES = {
    "Antigua & Barbuda": "Antigua and Barbuda",
    "Bahamas": "The Bahamas",
    "Cote d'Ivoire": "Côte d'Ivoire",
    "Democratic Republic of the Congo": "DRC",
    "Dominican Republic": "The Dominican",
    "NZ": "New Zealand",
    "Republic of the Congo": "Congo",
    "S. Korea": "South Korea",
    "UAE": "United Arab Emirates",
    "UK": "United Kingdom",
    "US": "United States",
    "USA": "United States",
}
"""Names that fields give to countries -> what the countries' own entries call them."""
