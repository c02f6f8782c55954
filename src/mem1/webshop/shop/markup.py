"""A page as HTML: the same texts in the same order, in the elements that readers of the original look for.

A program finds what it found there by ``id`` and ``class``: ``search_input``, ``btn``, ``product-link``,
``instruction-text``, ``product-image``, and radio buttons with labels for options. Style sheets, scripts and the
address of each click are not part of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mem1.webshop.shop.pages import Kind, Node
from mem1.webshop.shop.state_machine import Button, Page

_HEAD = "<!DOCTYPE html>\n<html>\n<head>\n</head>\n<body>\n"
_TAIL = "</body>\n</html>\n"


def markup(page: tuple[Node, ...], where: Page, image: str = "") -> str:
    """The page as HTML; ``image`` is the address of the open product's picture."""
    return _HEAD + "".join(f"{line}\n" for line in _lines(page, where, image)) + _TAIL


def _lines(page: tuple[Node, ...], where: Page, image: str) -> Iterator[str]:
    label, count = "", 0
    for node in page:
        text = escape(node.text)
        match node.kind:
            case Kind.TEXT if text.startswith("Instruction:"):
                label = text
            case Kind.INSTRUCTION:
                yield f'<div id="instruction-text" class="text-center"><h4>{label}<br>{text}</h4></div>'
            case Kind.BUTTON:
                yield from _button(node.text, where)
            case Kind.LINK:
                yield f'<h4 class="product-asin"><a class="product-link" href="#{text}">{text}</a></h4>'
            case Kind.OPTION_NAME:
                if image and not count:
                    yield f'<img id="product-image" src="{escape(image)}">'
                count += 1
                yield f"<h4>{text}</h4>"
            case Kind.OPTION:
                count += 1
                name, checked = escape(node.name), " checked" if node.marked else ""
                yield (
                    f'<input type="radio" id="radio_{count}" name="{name}" value="{text}"{checked}>'
                    f'<label for="radio_{count}">{text}</label>'
                )
            case Kind.TITLE if where is Page.ITEM:
                if image and not count:
                    yield f'<img id="product-image" src="{escape(image)}">'
                yield f"<h2>{text}</h2>"
            case _:
                tag, kind = _ELEMENTS.get((node.kind, where), ("p", "product-info"))
                yield f'<{tag} class="{kind}">{text}</{tag}>'


_ELEMENTS = {
    (Kind.TITLE, Page.RESULTS): ("h4", "product-title"),
    (Kind.PRICE, Page.RESULTS): ("h5", "product-price"),
    (Kind.PRICE, Page.ITEM): ("h4", "price"),
    (Kind.TEXT, Page.START): ("h2", "logo"),
    (Kind.TEXT, Page.RESULTS): ("h3", "total"),
    (Kind.TEXT, Page.ITEM): ("h4", "rating"),
}


def _button(name: str, where: Page) -> Iterator[str]:
    bar = '<input id="search_input" type="text" name="search_query">' if name == Button.SEARCH else ""
    look = "btn btn-lg purchase" if name == Button.BUY else "btn btn-primary"
    yield f'<form method="post">{bar}<button type="submit" class="{look}">{escape(name)}</button></form>'
