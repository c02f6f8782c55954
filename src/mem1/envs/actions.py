"""The one parser of actions. It is given the policy's own action text, never a prompt or an observation."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Literal

from mem1.types import Action, Answer, Click, Malformed, Open, Recall, Search

ActionTags = Mapping[str, str]
"""Kind of action (``search``, ``open``, ``click``, ``answer``, ``recall``) -> name of its tag."""

ActionForm = Literal["tags", "brackets"]
"""``tags``: each kind of action has a tag. ``brackets``: the answer's tag holds ``search[words]``, ``click[thing]``."""


def parse_action(text: str, tags: ActionTags, allowed: Collection[str], form: ActionForm = "tags") -> Action:
    """The first well-formed action in ``text``; anything else is ``Malformed`` with a reason.

    Well-formed is an opening tag, text that is not blank and holds no action tag, and the closing
    tag of the same name. The text inside is stripped. Reasons name tags without their brackets, so
    that they read the same after neutralising.

    Args:
        text: What the policy wrote after its state.
        tags: Tag name of every kind of action there is.
        allowed: The kinds that this environment takes.
        form: How actions are written.
    """
    if form == "brackets":
        written = parse_action(text, tags, ("answer",))
        return parse_brackets(written.text, allowed) if isinstance(written, Answer) else written
    kind_of = {name: kind for kind, name in tags.items()}
    choice = " or ".join(name for name, kind in kind_of.items() if kind in allowed)
    for found in _pattern(tuple(kind_of)).finditer(text):
        name, inner = found["name"], found["inner"].strip()
        if not inner:
            continue
        if kind_of[name] not in allowed:
            return Malformed(reason=f"{name} is not possible here; write {choice}")
        return _action(kind_of[name], inner)
    return Malformed(reason=_why_none(text, tuple(kind_of), choice))


def parse_brackets(text: str, allowed: Collection[str] = ("search", "click")) -> Action:
    """``search[words]`` or ``click[thing]``, with nothing around it; what is inside may hold brackets too."""
    found = _BRACKETS.fullmatch(text)
    choice = " or ".join(f"{kind}[...]" for kind in ("search", "click") if kind in allowed)
    if found is None or not found["inner"].strip():
        return Malformed(reason=f"no action was found; write {choice}")
    if found["kind"].lower() not in allowed:
        return Malformed(reason=f"{found['kind'].lower()} is not possible here; write {choice}")
    return _action(found["kind"].lower(), found["inner"].strip())


_BRACKETS = re.compile(r"\s*(?P<kind>search|click)\s*\[(?P<inner>.*)\]\s*", re.DOTALL | re.IGNORECASE)


def _action(kind: str, inner: str) -> Action:
    match kind:
        case "search":
            return Search(query=inner)
        case "open":
            return Open(url=inner)
        case "click":
            return Click(target=inner)
        case "recall":
            return Recall(query=inner)
        case "answer":
            return Answer(text=inner)
        case _:
            raise ValueError(f"no such kind of action: {kind!r}")


def _why_none(text: str, names: tuple[str, ...], choice: str) -> str:
    if not text.strip():
        return f"nothing was written where an action was due; write {choice}"
    for name in names:
        opened = text.find(f"<{name}>")
        if opened >= 0:
            if f"</{name}>" not in text[opened:]:
                return f"the {name} tag was opened but not closed"
            return f"the {name} tag holds no text of its own"
        if f"</{name}>" in text:
            return f"the {name} tag was closed but not opened"
    return f"no action tag was found; write {choice}"


@lru_cache(maxsize=32)
def _pattern(names: tuple[str, ...]) -> re.Pattern[str]:
    """Linear in the text: what is inside ends at the next action tag, so no stretch is read twice."""
    name = "|".join(map(re.escape, names))
    return re.compile(rf"<(?P<name>{name})>(?P<inner>(?:(?!</?(?:{name})>).)*)</(?P=name)>", re.DOTALL)
