"""An observation of the web shop as the page it was: what stood on it, what could be clicked, what was clicked next.

Read from the stored text alone, so that a run from anywhere can be looked at. What a text does not say plainly stays
text: a strange title makes a strange page, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mem1.report.episode_view import without_tags
from mem1.types import Action, Episode, ToolCall, calls

_SOURCE = "webshop"
_SEPARATOR = " [SEP] "
_TAIL = re.compile(r"\nTurns left: (?P<left>\d+)(?P<rest>[^\n]*)\Z")
_OFFERED = re.compile(r"\[([^\[\]]+(?:\[[^\[\]]*\][^\[\]]*)*)\]")
_RICH = re.compile(r"\s*\[(?P<clicked>clicked )?button\] (?P<text>.*) \[(?:clicked )?button_\]\s*")
_PRICE = re.compile(r"(?:Price: )?\$[\d.,]+(?: to \$[\d.,]+)?")
_PAGE = re.compile(r"Page \d+ \(Total results: \d+\)")
_TOLD = re.compile(r"You have clicked .*\.")
_BUTTONS = ("back to search", "prev", "next >", "description", "features", "reviews", "buy now", "search")
_LESS = "<\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}\N{MATHEMATICAL LEFT ANGLE BRACKET} "


class Kind(StrEnum):
    """What a part of the page is."""

    WISH = "wish"
    BUTTON = "button"
    PRODUCT = "product"  # an asin among results
    OPTION = "option"  # a value that can be chosen
    NAME = "name"  # of an option
    PRICE = "price"
    TITLE = "title"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Part:
    """One text of the page. ``marked``: chosen or seen before; ``next``: clicked in the turn that followed."""

    kind: Kind
    text: str
    marked: bool = False
    next: bool = False


@dataclass(frozen=True, slots=True)
class ShopPage:
    """A page. ``said`` stood above it; ``words`` were searched for in the turn that followed."""

    said: str
    parts: tuple[Part, ...]
    searchable: bool
    words: str | None
    left: int | None

    @property
    def wish(self) -> str:
        """What was to be bought."""
        return next((part.text for part in self.parts if part.kind is Kind.WISH), "")

    def rows(self) -> tuple[tuple[Part, ...], ...]:
        """The parts without the wish, in lines: buttons side by side, an option with its values, a product's parts."""
        rows: list[list[Part]] = []
        for part in self.parts:
            if part.kind is Kind.WISH:
                continue
            if rows and _belongs(rows[-1], part):
                rows[-1].append(part)
            else:
                rows.append([part])
        return tuple(tuple(row) for row in rows)


def shop_page(episode: Episode, index: int) -> ShopPage | None:
    """The page that turn ``index`` (counted from 0) led to; ``None`` where it is no page of the shop."""
    text = episode.turns[index].observation
    if text is None or not any(objective.source == _SOURCE for objective in episode.task.objectives):
        return None
    after = episode.turns[index + 1].action if index + 1 < len(episode.turns) else None
    return read_page(without_tags(text), after)


def read_page(text: str, after: Action | None = None) -> ShopPage | None:
    """An observation, without its tags, taken apart; ``after`` is the action that followed it."""
    tail = _TAIL.search(text)
    body = text[: tail.start()] if tail else text
    offered = _offered(tail["rest"]) if tail else ()
    said, nodes = _nodes(body)
    if not nodes:
        return None
    target = _plain(after.text) if isinstance(after, ToolCall) and calls(after, "click") else None
    parts = tuple(_parts(nodes, offered, target))
    return ShopPage(
        said=said,
        parts=parts,
        searchable="Search is possible." in tail["rest"] if tail else False,
        words=after.text if isinstance(after, ToolCall) and calls(after, "search") else None,
        left=int(tail["left"][:6]) if tail else None,
    )


def _offered(rest: str) -> tuple[str, ...]:
    return tuple(_plain(one) for one in _OFFERED.findall(rest.partition("Can be clicked:")[2]))


def _nodes(body: str) -> tuple[str, list[tuple[str, bool, bool]]]:
    """What was said, then each text with whether it is a button and whether it is marked (known in rich text only)."""
    found: list[tuple[str, bool, bool]] = []
    start = body.find("Instruction:")
    if start < 0:
        return body, found
    if _SEPARATOR in body[start:]:
        # What stands before the page is said by the environment; the start page begins with the shop's name.
        said = body[:start].removesuffix(f"WebShop{_SEPARATOR}")
        found = [(node.strip(), False, False) for node in body[start:].split(_SEPARATOR)]
    else:
        lines = body.splitlines()
        first = next(k for k, line in enumerate(lines) if "Instruction:" in line)
        head = [line for line in lines[:first] if line.strip() and line != "WebShop"]
        said = "\n".join(line for line in head if not _TOLD.fullmatch(line))
        for line in lines[first:]:
            rich = _RICH.fullmatch(line)
            if rich is not None:
                found.append((rich["text"], True, rich["clicked"] is not None))
            elif line.strip():
                found.append((line.strip(), False, False))
    return said.strip(), found


def _parts(nodes: Sequence[tuple[str, bool, bool]], offered: Sequence[str], target: str | None) -> Iterator[Part]:
    item = "buy now" in offered or any(_plain(text) == "buy now" for text, _, _ in nodes)
    listed = False  # a product's title follows its asin
    for position, (text, button, marked) in enumerate(nodes):
        plain = _plain(text)
        can = button or plain in offered
        if position == 0:
            continue  # "Instruction:"
        if position == 1:
            kind = Kind.WISH
        elif listed:
            kind = Kind.TITLE
        elif plain in _BUTTONS and (can or plain == "search"):
            kind = Kind.BUTTON
        elif can:
            kind = Kind.OPTION if item else Kind.PRODUCT
        elif _PRICE.fullmatch(text):
            kind = Kind.PRICE
        elif item and position + 1 < len(nodes) and _is_value(nodes[position + 1], offered):
            kind = Kind.NAME
        elif item and position + 1 < len(nodes) and _PRICE.fullmatch(nodes[position + 1][0]):
            kind = Kind.TITLE
        else:
            kind = Kind.TEXT
        listed = kind is Kind.PRODUCT
        pressed = target is not None and plain == target and kind in (Kind.BUTTON, Kind.OPTION, Kind.PRODUCT)
        yield Part(kind, text, marked, pressed)


def _is_value(node: tuple[str, bool, bool], offered: Sequence[str]) -> bool:
    text, button, _ = node
    return (button or _plain(text) in offered) and _plain(text) not in _BUTTONS


def _belongs(row: Sequence[Part], part: Part) -> bool:
    """Whether ``part`` stands in the same line."""
    match part.kind:
        case Kind.BUTTON:
            return row[-1].kind is Kind.BUTTON or bool(_PAGE.fullmatch(row[-1].text))
        case Kind.OPTION:
            return row[-1].kind in (Kind.NAME, Kind.OPTION)
        case Kind.TITLE | Kind.PRICE:
            return row[0].kind in (Kind.PRODUCT, Kind.TITLE) and row[-1].kind is not Kind.PRICE
        case Kind.TEXT:
            return row[0].kind is Kind.BUTTON and bool(_PAGE.fullmatch(part.text))
        case _:
            return False


def _plain(text: str) -> str:
    """A text as clicks are compared: lower-case, single blanks, without a "<" or its look-alike in front."""
    return " ".join(text.lower().split()).lstrip(_LESS)
