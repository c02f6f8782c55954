"""Products of a shop, and reading them from WebShop's published files.

Files (princeton-nlp/WebShop): ``items_shuffle*.json``, one list of product records in an order that was shuffled once,
and ``items_ins_v2*.json``, attributes and synthetic instructions by asin.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mem1.errors import DataError
from mem1.storage.foreign import opened, parsed, shown, text_of
from mem1.text import check_storable

LONGEST_ASIN = 10
_NO_PRICE = 100.0
_CHUNK = 1 << 20
_HINT = "use the file as it was published (princeton-nlp/WebShop)"


@dataclass(frozen=True, slots=True)
class Product:
    """One product.

    ``prices`` is what the shop asks: one number, or the two ends of a range. ``options`` are names with their values,
    lower-case, in the shop's order. ``instruction`` and ``instruction_attributes`` are what synthetic goals are made of
    (``None`` and empty where the product has none). ``listed``: whether the file of attributes has a list for it.
    ``image``: the address of its picture.
    """

    asin: str
    title: str
    description: str
    bullets: tuple[str, ...]
    prices: tuple[float, ...]
    options: Mapping[str, tuple[str, ...]]
    attributes: tuple[str, ...]
    category: str
    query: str
    product_category: str
    instruction: str | None = None
    instruction_attributes: tuple[str, ...] = ()
    listed: bool = True
    image: str = ""

    @property
    def price_tag(self) -> str:
        """The price as shown: ``$19.99`` or ``$19.99 to $27.99``."""
        return " to ".join(f"${price}" for price in self.prices)

    def price(self, seed: int) -> float:
        """What a purchase costs: of a range, a uniform draw that depends on the seed and the asin alone."""
        if len(self.prices) == 1:
            return self.prices[0]
        return random.Random(f"webshop price {seed} {self.asin}").uniform(*self.prices)

    def search_text(self) -> str:
        """What the shop's search looks in: title, description, first bullet point, options; lower-case."""
        options = ", and ".join(f"{name}: {', '.join(values)}" for name, values in self.options.items())
        return " ".join((self.title, self.description, self.bullets[0] if self.bullets else "", options)).lower()


def read_products(items: Path, attributes: Path, *, limit: int | None = None) -> list[Product]:
    """The products of the published files, in file order; of the first ``limit`` records where it is given.

    Records without a usable asin ("nan", longer than 10) and repeated ones are skipped, as WebShop does; ``null`` is
    read as absent. Raises ``DataError`` naming the file, the record and the field.
    """
    extra = read_object(attributes, "the file of attributes")
    return list(products_of(array_items(items, limit=limit), extra, where=str(items)))


def products_of(records: Iterable[Mapping[str, Any]], extra: Mapping[str, Any], *, where: str) -> Iterator[Product]:
    """Products of published records; ``extra`` holds attributes and instructions by asin."""
    seen: dict[str, str] = {}
    by_any_case = {asin.lower(): about for asin, about in extra.items()}
    for number, record in enumerate(records):
        place = f"{where}, record {number}"
        asin = _text(record, "asin", place)
        if asin in ("", "nan") or len(asin) > LONGEST_ASIN or seen.get(asin.lower()) == asin:
            continue
        if asin.lower() in seen:
            raise DataError(
                f"the asins {seen[asin.lower()]!r} and {asin!r} differ in case only: a click could not tell them apart",
                where=place,
                hint="give every product an asin of its own",
            )
        seen[asin.lower()] = asin
        about = extra.get(asin, by_any_case.get(asin.lower()))
        if not isinstance(about, Mapping | None):
            raise DataError(f"the attributes of {asin} must be an object, got {shown(about)}", where=place, hint=_HINT)
        yield _product(asin, record, about or {}, place)


def array_items(path: Path, *, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """The objects of a JSON array one at a time: the full catalogue is larger than one wants to hold twice.

    Raises ``DataError`` where the file is missing, or is not an array of objects.
    """
    decoder = json.JSONDecoder()
    try:
        with opened(path, "the catalogue") as raw, io.TextIOWrapper(raw, encoding="utf-8-sig") as file:
            text, at, count = file.read(_CHUNK).lstrip(), 1, 0
            if not text.startswith("["):
                raise DataError("the file does not hold a JSON array", where=str(path), hint=_HINT)
            while limit is None or count < limit:
                at = _NEXT.match(text, at).end()  # type: ignore[union-attr]  # it matches the empty text
                if text.startswith("]", at):
                    return
                try:
                    item, at = decoder.raw_decode(text, at)
                except json.JSONDecodeError as error:
                    more = file.read(_CHUNK)
                    if not more:
                        raise DataError(
                            f"the JSON array breaks off or is damaged after {count} records: {error.msg}",
                            where=str(path),
                            hint=_HINT,
                        ) from error
                    text, at = text[at:] + more, 0
                    continue
                except RecursionError as error:
                    raise DataError("nested too deeply", where=f"{path}, record {count}", hint=_HINT) from error
                if not isinstance(item, dict):
                    raise DataError(f"record {count} is not an object", where=str(path), hint=_HINT)
                check_storable(item, f"{path}, record {count}", hint=_HINT)
                count += 1
                yield item
    except UnicodeDecodeError as error:
        text_of(path, "the catalogue")  # says which encoding it is
        raise DataError(f"cannot read the products: {error}", where=str(path), hint=_HINT) from error


_NEXT = re.compile(r"[\s,]*")


def read_object(path: Path, what: str) -> dict[str, Any]:
    """The object that a JSON file holds. Raises ``DataError``."""
    value = parsed(text_of(path, what), str(path), hint=_HINT)
    if not isinstance(value, dict):
        raise DataError(f"{what} does not hold an object", where=str(path), hint=_HINT)
    return value


def texts(value: Any, key: str, place: str) -> tuple[str, ...]:
    """A list of texts; none for ``null``. Raises ``DataError`` for anything else, a bare text above all."""
    if value is None or value == "":
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise DataError(f"{key!r} must be a list of texts, got {shown(value)}", where=place, hint=_HINT)
    return tuple(value)


def _product(asin: str, record: Mapping[str, Any], extra: Mapping[str, Any], place: str) -> Product:
    bullets = record.get("small_description")
    instruction = _text(extra, "instruction", place) or None
    return Product(
        asin=asin,
        title=_text(record, "name", place),
        description=_text(record, "full_description", place),
        bullets=(bullets,) if isinstance(bullets, str) else texts(bullets, "small_description", place),
        prices=_prices(record.get("pricing"), place),
        options=_options(record.get("customization_options"), place),
        attributes=texts(extra.get("attributes"), "attributes", place),
        category=_text(record, "category", place),
        query=_text(record, "query", place).lower().strip(),
        product_category=_text(record, "product_category", place),
        instruction=instruction,
        instruction_attributes=texts(extra.get("instruction_attributes"), "instruction_attributes", place)
        if instruction
        else (),
        listed="attributes" in extra,
        image=_image(record.get("images")),
    )


def _text(record: Mapping[str, Any], key: str, place: str) -> str:
    value = record.get(key)
    if not isinstance(value, str | None):
        raise DataError(f"{key!r} must be a text, got {str(value)[:60]!r}", where=place, hint=_HINT)
    return value or ""


def _image(images: Any) -> str:
    """The address of the first picture; nothing where there is none that is a text."""
    first = images[0] if isinstance(images, list) and images else None
    return first if isinstance(first, str) else ""


def _prices(pricing: Any, place: str) -> tuple[float, ...]:
    """The numbers after each "$", two at most; 100.0 where there is no price."""
    if not pricing:
        return (_NO_PRICE,)
    try:
        found = tuple(float(re.sub(r"[^\d.]", "", part)) for part in str(pricing).split("$")[1:])
    except ValueError:
        found = ()
    if not found or not all(map(math.isfinite, found)):
        raise DataError(f"'pricing' must hold numbers after \"$\", got {str(pricing)[:60]!r}", where=place, hint=_HINT)
    return found[:2]


def _options(options: Any, place: str) -> dict[str, tuple[str, ...]]:
    """Names lower-case; values stripped, "/" as " | ", lower-case; names without a list are left out."""
    if not options:
        return {}
    try:
        return {
            name.lower(): tuple(one["value"].strip().replace("/", " | ").lower() for one in values)
            for name, values in options.items()
            if values is not None
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise DataError(
            f"'customization_options' must be lists of objects with a value: {error!r}", where=place, hint=_HINT
        ) from error
