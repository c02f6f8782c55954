"""What stands on a page: the same nodes become plain text, rich text and HTML.

Shapes follow the templates of princeton-nlp/WebShop, so that texts read the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from mem1.webshop.catalogue.products import Product
from mem1.webshop.shop.state_machine import Button, Machine, Page, State


class Kind(StrEnum):
    """What a node is."""

    TEXT = "text"
    INSTRUCTION = "instruction"  # the customer's wish
    BUTTON = "button"
    LINK = "link"  # a product's asin
    TITLE = "title"
    PRICE = "price"
    OPTION_NAME = "option_name"
    OPTION = "option"  # a value that can be chosen


class Node(NamedTuple):
    """One visible text. ``name`` is the option a value belongs to; ``marked``: chosen (option) or visited (link)."""

    kind: Kind
    text: str
    name: str = ""
    marked: bool = False


def nodes(machine: Machine, state: State, instruction: str, reward: float | None = None) -> tuple[Node, ...]:
    """The page's visible texts, in reading order. ``reward``: what the purchase earned, which ``compat`` shows."""
    return tuple(node for node in _nodes(machine, state, instruction, reward) if _visible(node.text))


def _nodes(machine: Machine, state: State, instruction: str, reward: float | None) -> Iterable[Node]:
    match state.page:
        case Page.START:
            shop = (Node(Kind.TEXT, "WebShop"), Node(Kind.TEXT, "Instruction: "), Node(Kind.INSTRUCTION, instruction))
            return (*shop, *_buttons(machine, state))
        case Page.DONE:
            return _done(state, reward) if machine.mode == "compat" else (Node(Kind.TEXT, _THANKS),)
        case Page.RESULTS:
            return (*_head(instruction), *_results(machine, state))
        case Page.ITEM:
            return (*_head(instruction), *_item(machine, state))
        case _:
            buttons = _buttons(machine, state)
            return (*_head(instruction), *buttons, *_sub_page(machine.product(state), state.page))


def _visible(text: str) -> bool:
    """Whether the published page shows it: nothing is not there, and blanks with a line break are left out."""
    return bool(text) and ("\n" not in text or text.strip(" \t\n\f\r") != "")


def _head(instruction: str) -> tuple[Node, Node]:
    return Node(Kind.TEXT, "Instruction:"), Node(Kind.INSTRUCTION, instruction)


def _buttons(machine: Machine, state: State) -> tuple[Node, ...]:
    return tuple(Node(Kind.BUTTON, button.value) for button in machine.buttons(state))


def _results(machine: Machine, state: State) -> Iterator[Node]:
    back, *turning = _buttons(machine, state)
    yield back
    yield Node(Kind.TEXT, f"Page {state.number} (Total results: {len(state.found)})")
    yield from turning
    for asin in state.shown:
        product = machine.products[asin]
        yield Node(Kind.LINK, asin, marked=asin in state.visited)
        yield Node(Kind.TITLE, product.title)
        yield Node(Kind.PRICE, product.price_tag)


def _item(machine: Machine, state: State) -> Iterator[Node]:
    product = machine.product(state)
    buttons = _buttons(machine, state)
    yield from buttons[:2]
    chosen, address = state.options, state.address if machine.mode == "compat" else ""
    for name, offered in product.options.items():
        yield Node(Kind.OPTION_NAME, name)
        for value in offered:
            # The published page marks every label that stands in quotation marks in its address, whatever it is there.
            marked = f'"{value}"' in address if address else chosen.get(name) == value
            yield Node(Kind.OPTION, machine.written(name, value), name, marked)
    yield Node(Kind.TITLE, product.title)
    yield Node(Kind.PRICE, f"Price: {product.price_tag}")
    yield Node(Kind.TEXT, "Rating: N.A.")
    yield from buttons[2:]


def _sub_page(product: Product, page: Page) -> tuple[Node, ...]:
    """A tab's texts; points have a blank in front, as the published page has them."""
    match page:
        case Page.DESCRIPTION:
            texts: tuple[str, ...] = (product.description,)
        case Page.FEATURES:
            texts = tuple(f" {point}" for point in product.bullets)
        case Page.ATTRIBUTES:
            attributes = product.attributes if product.listed else (_UNLISTED,)
            labels = (product.category, product.query, product.product_category)
            texts = (*(f" {attribute}" for attribute in attributes), *labels)
        case _:
            texts = ()  # the published files hold no reviews
    return tuple(Node(Kind.TEXT, text) for text in texts)


_THANKS = "Thank you for shopping with us!"
_UNLISTED = "DUMMY_ATTR"  # the published attribute of a product that has no list of them


def _done(state: State, reward: float | None) -> Iterator[Node]:
    """The published page after a purchase: what was bought and earned; all else is empty in a text environment."""
    options = json.dumps(dict(state.options), sort_keys=True).translate(_IN_A_PAGE)
    bought = ("asin", state.asin or "", "options", options, "attrs", "None", "category", "None", "query", "None")
    goal = ("asin", "options", "attrs", "price upper", "instuction text", "category", "product category", "query")
    code = ("Your code: ", "None", " (Paste it in your MTurk interface.)")
    score = ("Your score (min 0.0, max 1.0)", str(reward), "Reward Details ", "None")
    lines = (
        _THANKS,
        *code,
        "Purchased",
        *bought,
        "product category",
        "None",
        "Target",
        *goal,
        "Goal ",
        "None",
        "Reward",
    )
    yield from (Node(Kind.TEXT, text) for text in (*lines, *score))


_IN_A_PAGE = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&'"})

SEPARATOR = " [SEP] "


def plain(page: tuple[Node, ...]) -> str:
    """``text``: the visible texts, stripped, joined by " [SEP] "."""
    return SEPARATOR.join([node.text.strip() for node in page])


def rich(page: tuple[Node, ...]) -> str:
    """``text_rich``: a node a line, with brackets around what can be clicked; chosen options are also told on top."""
    clicked = [f"You have clicked {n.text}.\n" for n in reversed(page) if n.kind is Kind.OPTION and n.marked]
    return "".join((*clicked, *(_rich_line(node) for node in page)))


def _rich_line(node: Node) -> str:
    match node.kind:
        case Kind.BUTTON:
            return f"[button] {node.text} [button_]\n"
        case Kind.OPTION:
            word = "clicked button" if node.marked else "button"
            return f"  [{word}] {node.text} [{word}_]\n"
        case Kind.LINK:
            word = "clicked button" if node.marked else "button"
            return f"\n[{word}] {node.text} [{word}_]\n"
        case _:
            return f"{node.text}\n"


__all__ = ["Button", "Kind", "Node", "nodes", "plain", "rich"]
