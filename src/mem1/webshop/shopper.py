"""A rule-based shopper for the web shop: a baseline, and the writer of warm-start demonstrations.

It reads what any agent reads, the page and what can be clicked, and keeps on its page what is still to be chosen, the
price limit and which products it has put back; of a bundle, what was bought too (``bundle_pages.py``). Told the tasks
(``enlist``), it knows which product each wish was made from and takes that one when it sees it; so demonstrations of
single errands are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.pages import Pages
from mem1.types import Task
from mem1.webshop.bundle_pages import BundlePage, paid, referred, written_page
from mem1.webshop.catalogue.bundles import REFERENCE

_SEPARATOR = " [SEP] "
_LIMIT = re.compile(r", and price lower than ([\d.]+) dollars")
_BUDGET = re.compile(r", and price within what is left of ([\d.]+) dollars")
_COST = re.compile(r"It cost \$([\d.]+)\.")
_PAIR = re.compile(r"(?:^|, and | with )([^:,]{1,40}): (.+?)(?=, and [^:,]{1,40}: |$)")
_FILLER = re.compile(r"^(find me|i('m| am) looking for|i (need|want)|show me|buy me)( an?| the| some)? ", re.IGNORECASE)
_COUNTS = re.compile(r"Page (\d+) \(Total results: (\d+)\)")
_OFFERED = re.compile(r"\[([^\[\]]+(?:\[[^\[\]]*\][^\[\]]*)*)\]")
_BACK, _PREVIOUS, _NEXT, _BUY = (
    "back to search",
    "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK} prev",
    "next >",
    "buy now",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What an instruction says: words to search for, options by name (blank where unknown), the price limit.

    ``budget``: of the whole bundle, of which this is a wish; ``links``: the options that earlier things decide, with
    the number of the thing, from 1.
    """

    words: str
    options: tuple[tuple[str, str], ...]
    limit: float | None
    budget: float | None = None
    links: Mapping[str, int] = field(default_factory=dict)


def read_wish(instruction: str, things: Sequence[Mapping[str, str]] = (), spent: float = 0.0) -> Wish:
    """Take an instruction apart: "... with color: red, and size: 8, and price lower than 30.00 dollars".

    ``things`` are those of the bundle that were bought before, with their options by name; ``spent`` is what they cost.
    """
    limit, budget = _LIMIT.search(instruction), _BUDGET.search(instruction)
    text = _BUDGET.sub("", _LIMIT.sub("", instruction)).strip(" .")
    found = _PAIR.search(text, max(text.rfind(" with ", 0, text.find(":")), 0)) if ":" in text else None
    pairs = _PAIR.findall(text, found.start()) if found else ()
    options = tuple((name.strip(), _meant(name.strip(), value.strip(), things)) for name, value in pairs)
    core = text[: found.start()] if found else text
    words = " ".join([_FILLER.sub("", core), *(value for _, value in options)])
    if budget is not None:
        links = {name.strip(): int(told[1]) for name, value in pairs if (told := REFERENCE.fullmatch(value.strip()))}
        return Wish(words, options, round(float(budget[1]) - spent, 2), float(budget[1]), links)
    return Wish(words, options, float(limit[1]) if limit else None)


def _meant(name: str, value: str, things: Sequence[Mapping[str, str]]) -> str:
    """The value that a wish means: what it says, or what the thing that it speaks of was bought with."""
    found = REFERENCE.fullmatch(value)
    if found is None or not 0 < int(found[1]) <= len(things):
        return value
    return things[int(found[1]) - 1].get(name, value)


@dataclass(slots=True)
class _Script:
    """What the shopper remembers of one episode; ``targets`` are the products it was told."""

    targets: tuple[str, ...] = ()
    goal: int = -1
    turns: int = 0  # left when it last looked: with a new goal there are more again
    wish: Wish = field(default_factory=lambda: Wish("", (), None))
    rejected: dict[str, int] = field(default_factory=dict)  # products put back, and how many wanted options each had
    open: str = ""
    left: list[str] | None = None  # options still to be clicked for the open product
    chosen: dict[str, str] = field(default_factory=dict)  # those that were
    things: list[dict[str, str]] = field(default_factory=list)  # what was bought of a bundle, with its options
    money: int | None = None  # whole dollars left of a bundle's budget
    thoughts: list[str] = field(default_factory=list)  # what is worked out in this turn
    page: tuple[str, ...] = ()  # a bundle's, line by line, as it was written last

    @property
    def limit(self) -> float | None:
        """The most that the next purchase may cost, as it stands on the page."""
        return self.wish.limit if self.money is None else float(self.money)


@dataclass(frozen=True, slots=True)
class _Page:
    """The last observation, taken apart. ``said`` stood above it."""

    said: str
    nodes: Sequence[str]
    offered: Sequence[str]
    searchable: bool
    turns: int

    @property
    def instruction(self) -> str:
        """The customer's wish."""
        return self.nodes[self.nodes.index("Instruction:") + 1]

    @property
    def more(self) -> bool:
        """Whether there are results beyond this page (the published shop offers "Next >" even where there are none)."""
        counts = next((found for node in self.nodes if (found := _COUNTS.fullmatch(node))), None)
        return counts is not None and 10 * int(counts[1]) < int(counts[2])


class Shopper:
    """Callable for ``ScriptedEngine``: (session, context text) -> text. Reads the ``text`` look only.

    ``pages``: how a bundle's page is written. ``told``: whether it uses what it is told of a task.
    """

    def __init__(
        self, *, observation_tag: str = "<information>", pages: Pages = "rewritten", told: bool = True
    ) -> None:
        self._observation_tag = observation_tag
        self._pages = pages
        self._told = told
        self._scripts: dict[str, _Script] = {}

    def enlist(self, session: str, task: Task) -> None:
        """Tell which product each goal of ``task`` was made from."""
        products = tuple(objective.answers[0] for objective in task.objectives)
        self._scripts[session] = _Script(products if self._told else ())

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn."""
        script = self._scripts.setdefault(session, _Script())
        page = _read_page(context[context.rfind(self._observation_tag) + len(self._observation_tag) :])
        new, script.turns = page.turns > script.turns, page.turns
        if page.searchable and _BACK not in page.offered:
            if new:
                _next_wish(script, page)
            script.left, script.chosen = None, {}
            return self._written(script, "search", script.wish.words)
        if _BUY in page.offered:
            return self._on_item(script, page)
        return self._on_results(script, page)

    def _on_results(self, script: _Script, page: _Page) -> str:
        """Open the known product where it is shown, else the first that can be afforded and was not put back."""
        script.left, script.chosen = None, {}
        found = _results(page)
        target = script.targets[script.goal].lower() if script.goal < len(script.targets) else ""
        if target in (asin for asin, _ in found):
            return self._open(script, target)
        if target and _NEXT in page.offered and page.more and page.turns > _needed(script):
            return self._written(script, "click", _NEXT)
        limit = float("inf") if script.limit is None else script.limit
        fresh = [asin for asin, price in found if asin not in script.rejected and price <= limit]
        if script.rejected and not fresh:
            return self._open(script, max(script.rejected, key=script.rejected.__getitem__))
        choice = fresh or [asin for asin, _ in found]
        return self._open(script, choice[0]) if choice else self._written(script, "click", _BACK)

    def _open(self, script: _Script, asin: str) -> str:
        script.open = asin
        # Behind no blank, as it is offered, an asin has the same tokens: it is no word that a tokenizer knows.
        return self._written(script, "click", asin, blank="" if script.money is not None else " ")

    def _on_item(self, script: _Script, page: _Page) -> str:
        """Choose what was asked for and buy, or put the product back where it lacks an option and there is time."""
        if script.left is None:
            # An option that is named like a button is offered with its name in front.
            named = [(f"{name}: {value}", value) for name, value in script.wish.options]
            wanted = [whole if whole in page.offered else value for whole, value in named]
            script.left = [value for value in wanted if value in page.offered]
            told = script.goal < len(script.targets)
            known = script.open in script.rejected
            if len(script.left) < len(wanted) and page.turns > _needed(script) and not told and not known:
                script.rejected[script.open] = len(script.left)
                return self._written(script, "click", _PREVIOUS)
        if not script.left:
            return self._written(script, "click", _BUY)
        clicked = script.left[0]
        script.chosen |= {name: value for name, value in script.wish.options if clicked in (value, f"{name}: {value}")}
        written = self._written(script, "click", clicked)
        script.left.pop(0)
        return written

    def _written(self, script: _Script, kind: str, thing: str, *, blank: str = " ") -> str:
        """The page and the action."""
        if script.money is None:
            page = _errand_page(script)
        else:
            chosen = (*script.things, script.chosen)
            wanted = [(name, value) for name, value in script.wish.options if name not in script.chosen]
            now = BundlePage(chosen, wanted, script.money, tuple(script.rejected))
            page = written_page(now, script.page, script.thoughts, self._pages)
            script.page, script.thoughts = now.lines, []
        return f"{page}<{kind}>{blank}{thing}</{kind}>"


def _next_wish(script: _Script, page: _Page) -> None:
    """Take in what came of the last wish, and the next one."""
    cost = _COST.search(page.said)
    if script.goal >= 0:
        script.things.append(script.chosen if cost else {})
    script.goal += 1
    script.chosen = {}
    script.wish = read_wish(page.instruction, script.things)
    script.rejected.clear()
    if script.wish.budget is None:
        return
    script.thoughts = referred(script.wish.links, script.things)
    if script.money is None:
        script.money = int(script.wish.budget)
    elif cost:
        script.money, worked_out = paid(script.money, float(cost[1]))
        script.thoughts.append(worked_out)


def _needed(script: _Script) -> int:
    """Turns to open a product, choose everything and buy."""
    return len(script.wish.options) + 2


def _read_page(shown: str) -> _Page:
    body, _, tail = shown.partition("</")[0].rpartition("\nTurns left: ")
    *said, last = body.splitlines() or [""]
    nodes = last.split(_SEPARATOR) if body else []
    turns = re.match(r"\d+", tail)
    offered = tuple(_OFFERED.findall(tail.partition("Can be clicked:")[2]))
    return _Page("\n".join(said), nodes, offered, "Search is possible." in tail, int(turns[0]) if turns else 1)


def _results(page: _Page) -> list[tuple[str, float]]:
    """The products on a results page with the lower end of their price."""
    offered = set(page.offered)
    found = []
    for position, node in enumerate(page.nodes):
        if node.lower() in offered and position + 2 < len(page.nodes) and page.nodes[position + 2].startswith("$"):
            price = re.match(r"\$([\d.]+)", page.nodes[position + 2])
            found.append((node.lower(), float(price[1]) if price else 0.0))
    return found


def _errand_page(script: _Script) -> str:
    left = script.left if script.left is not None else [value for _, value in script.wish.options]
    limit = f" below {script.wish.limit:g}" if script.wish.limit is not None else ""
    back = f" not {' '.join(script.rejected)}" if script.rejected else ""
    return f"<think> {'; '.join(left)}{limit}{back}</think>"


def shopper_engine() -> ScriptedEngine:
    """A shopper that is told nothing, as an engine; each word counts as a token."""
    return ScriptedEngine(Shopper())
