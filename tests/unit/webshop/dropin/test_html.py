"""A page as HTML says what the page as text says, to whoever reads it as the original's readers do."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from mem1.webshop.dropin.original import WebAgentTextEnv
from tests.unit.webshop.dropin.catalogue import written


class Reader(HTMLParser):
    """Texts, what can be clicked, and whether there is a search bar."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.buttons: list[str] = []
        self.options: list[str] = []
        self.bar = False
        self._clickable = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about: dict[str, str | None] = dict(attrs)
        classes = (about.get("class") or "").split()
        self._clickable = "btn" in classes or "product-link" in classes
        self.bar |= about.get("id") == "search_input"
        if tag == "input" and about.get("type") == "radio":
            self.options.append(about.get("value") or "")

    def handle_data(self, data: str) -> None:
        if data == "\n" or not data.strip(" \n"):
            return
        self.texts.append(data.strip())
        if self._clickable:
            self.buttons.append(data.lower())
            self._clickable = False


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> WebAgentTextEnv:
    return WebAgentTextEnv("html", written(tmp_path_factory.mktemp("shop")), nouns="content_words", show_attrs=True)


def agrees(env: WebAgentTextEnv) -> None:
    read = Reader(env.state["html"])
    actions: dict[str, Any] = env.get_available_actions()
    assert " [SEP] ".join(read.texts) == env.visit.text("text")
    assert list(dict.fromkeys(read.buttons + read.options)) == actions["clickables"]
    assert read.bar == actions["has_search_bar"]


def test_html_on_every_kind_of_page(env: WebAgentTextEnv) -> None:
    html, _ = env.reset(session=0)
    assert html == env.state["html"]
    goal = env.server.goals[0]
    agrees(env)
    steps = [f"search[{goal['name']}]", "click[next >]", "click[< prev]", f"click[{goal['asin'].lower()}]"]
    steps += [f"click[{value}]" for value in goal["goal_options"].values()]
    for tab in ("description", "features", "reviews", "attributes"):
        steps += [f"click[{tab}]", "click[< prev]"]
    for step in [*steps, "click[buy now]"]:
        env.step(step)
        agrees(env)


def test_the_tab_of_attributes(env: WebAgentTextEnv) -> None:
    env.reset(session=0)
    goal = env.server.goals[0]
    for step in (f"search[{goal['name']}]", f"click[{goal['asin'].lower()}]", "click[attributes]"):
        env.step(step)
    product = env.server.product_item_dict[goal["asin"]]
    shown = env.visit.text("text").split("< Prev [SEP] ")[1].split(" [SEP] ")
    assert shown == [*product["Attributes"], product["category"], product["query"], product["product_category"]]


def test_strange_texts_are_escaped(tmp_path: Path) -> None:
    import json

    path = written(tmp_path)
    items = json.loads(path.read_text(encoding="utf-8"))
    items[0] |= {"name": '<script>alert("x")</script> & co', "small_description": [" ", "", "a < b"]}
    items[0]["customization_options"] = {'si"ze': [{"value": '28" x <b>'}]}
    path.write_text(json.dumps(items), encoding="utf-8")
    env = WebAgentTextEnv("html", path, nouns="content_words")
    env.reset(session=0)
    for step in (f"search[{items[0]['name']}]", f"click[{items[0]['asin'].lower()}]", 'click[28" x <b>]'):
        env.step(step)
        agrees(env)
    assert env.server.user_sessions["0"]["options"] == {'si"ze': '28" x <b>'}
