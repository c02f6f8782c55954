"""The task prompt P of the shop, in our own words."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from mem1.actions import ActionForm
from mem1.envs.prompts import read_template
from mem1.errors import ConfigError
from mem1.text import without_tags
from mem1.types import Task

_ACTIONS: dict[ActionForm, str] = {
    "tags": """\
1. <think> your page: what is wanted, what you have tried and chosen, what to do next </think>
2. one action: <search> words </search> where the page offers a search, or <click> thing </click> with one of the \
things that can be clicked""",
    "brackets": """\
1. <think> your reasoning </think> and <summary> your page: what is wanted, what you have tried and chosen </summary>
2. one action: <answer> search[words] </answer> where the page offers a search, or <answer> click[thing] </answer> \
with one of the things that can be clicked""",
    "json": """\
1. <think> your page: what is wanted, what you have tried and chosen, what to do next </think>
2. one call of a tool: search where the page offers a search, or click with one of the things that can be clicked""",
}

_RULES = """\
You buy in a web shop what a customer asks for. You work in turns; in every turn write:
{actions}
Then you are shown the next page between <information> and </information>, with what can be clicked and how many turns \
are left. Everything older than your page and that is gone, so carry over what you still need.
Look for a product of the wanted kind, with the wanted properties and below the price limit. Click each wanted option \
(colour, size, …) on its page before you click "buy now". Something must be bought before the turns are used up; it \
counts how much of the wish it meets.
"""

_BUNDLE = """\
The things are paid from one budget. A wish may speak of a thing bought before by its number: "color: same as thing 1" \
is the color that thing 1 was bought with. Neither that nor the money left is shown again: keep on your page what you \
bought, with its options, and what it cost.
"""

_BRIEF = "Buy what is asked for.\n"

_LISTED = """\
There are {count} things to buy, one after the other:
{goals}"""


def in_prompt(template: str | Path, goals: str, *, rules: str) -> str:
    """P with ``goals``: in ``rules`` where the template is ``instruct``, in a line for ``brief``, or in a file.

    Raises ``ConfigError`` where a template file is missing or has no ``{goals}``.
    """
    text = {"instruct": rules, "brief": _BRIEF + "{goals}\n"}.get(str(template)) or _read(Path(template))
    return text.replace("{goals}", goals)


def render_prompt(template: str | Path, task: Task, form: ActionForm, *, bundle: bool = False) -> str:
    """P for ``task``. Where goals are revealed one by one P does not depend on them: each page repeats its own.

    ``bundle``: the things are paid from one budget, and wishes speak of earlier things.

    Raises ``ConfigError`` where a template file is missing or has no ``{goals}``.
    """
    goals = "".join(f"{i}. {without_tags(o.question)}\n" for i, o in enumerate(task.objectives, start=1))
    listed = _LISTED.format(count=task.size, goals=goals) if task.reveal == "upfront" and task.size > 1 else ""
    if template == "instruct":
        return _RULES.replace("{actions}", _ACTIONS[form]) + (_BUNDLE if bundle else "") + listed
    if template == "brief":
        return _BRIEF + listed
    return _read(Path(template)).replace("{goals}", listed or "shown page by page")


@cache
def _read(path: Path) -> str:
    text = read_template(path)
    if "{goals}" not in text:
        raise ConfigError("the prompt template has no {goals}", where=str(path), hint="put {goals} where they go")
    return text
