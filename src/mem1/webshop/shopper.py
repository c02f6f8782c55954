"""A rule-based shopper for the web shop: a baseline, and the writer of warm-start demonstrations.

It reads what any agent reads, the page and what can be clicked, and keeps on its page what is still to be chosen, the
price limit and which products it has put back. Told the tasks (``enlist``), it knows which product each wish was made
from and takes that one when it sees it; so are demonstrations written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.types import Task
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

    ``budget``: of the whole bundle, of which this is a wish.
    """

    words: str
    options: tuple[tuple[str, str], ...]
    limit: float | None
    budget: float | None = None


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
        return Wish(words, options, round(float(budget[1]) - spent, 2), float(budget[1]))
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
    spent: float = 0.0


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
    """Callable for ``ScriptedEngine``: (session, context text) -> text. Reads the ``text`` look only."""

    def __init__(self, *, observation_tag: str = "<information>") -> None:
        self._observation_tag = observation_tag
        self._scripts: dict[str, _Script] = {}

    def enlist(self, session: str, task: Task) -> None:
        """Tell which product each goal of ``task`` was made from."""
        self._scripts[session] = _Script(tuple(objective.answers[0] for objective in task.objectives))

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn."""
        script = self._scripts.setdefault(session, _Script())
        page = _read_page(context[context.rfind(self._observation_tag) + len(self._observation_tag) :])
        new, script.turns = page.turns > script.turns, page.turns
        if page.searchable and _BACK not in page.offered:
            if new:
                _next_wish(script, page)
            script.left, script.chosen = None, {}
            return _written(script, "search", script.wish.words)
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
            return _written(script, "click", _NEXT)
        limit = script.wish.limit or float("inf")
        fresh = [asin for asin, price in found if asin not in script.rejected and price <= limit]
        if script.rejected and not fresh:
            return self._open(script, max(script.rejected, key=script.rejected.__getitem__))
        choice = fresh or [asin for asin, _ in found]
        return self._open(script, choice[0]) if choice else _written(script, "click", _BACK)

    @staticmethod
    def _open(script: _Script, asin: str) -> str:
        script.open = asin
        return _written(script, "click", asin)

    @staticmethod
    def _on_item(script: _Script, page: _Page) -> str:
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
                return _written(script, "click", _PREVIOUS)
        if not script.left:
            return _written(script, "click", _BUY)
        written = _written(script, "click", script.left[0])
        clicked = script.left.pop(0)
        script.chosen |= {name: value for name, value in script.wish.options if clicked in (value, f"{name}: {value}")}
        return written


def _next_wish(script: _Script, page: _Page) -> None:
    """Take in what came of the last wish, and the next one."""
    cost = _COST.search(page.said)
    if script.goal >= 0:
        script.things.append(script.chosen if cost else {})
        script.spent += float(cost[1]) if cost else 0.0
    script.goal += 1
    script.chosen = {}
    script.wish = read_wish(page.instruction, script.things, script.spent)
    script.rejected.clear()


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


def _written(script: _Script, kind: str, thing: str) -> str:
    left = script.left if script.left is not None else [value for _, value in script.wish.options]
    limit = f" below {script.wish.limit:g}" if script.wish.limit is not None else ""
    back = f" not {' '.join(script.rejected)}" if script.rejected else ""
    return f"<think> {'; '.join(left)}{limit}{back}{_kept(script)}</think><{kind}> {thing}</{kind}>"


def _kept(script: _Script) -> str:
    """What has to be remembered of a bundle: what was bought, with its options; what it cost shows in the limit."""
    if script.wish.budget is None:
        return ""
    things = (" ".join(f"{name} {value}" for name, value in one.items()) or "nothing" for one in script.things)
    return f" spent {script.spent:g}" + "".join(f" thing {i} {thing}" for i, thing in enumerate(things, start=1))


def shopper_engine() -> ScriptedEngine:
    """A shopper that is told nothing, as an engine; each word counts as a token."""
    return ScriptedEngine(Shopper())
