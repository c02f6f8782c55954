"""The task prompt P, in our own words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mem1.actions import ActionForm
from mem1.errors import ConfigError, DataError
from mem1.tasks.wording import LAST
from mem1.text import decoded, without_tags
from mem1.types import Task

_FORMAT = """\
You work in turns and keep one page of notes. In every turn write exactly two blocks:
1. <think> your page: everything you need later, in your own words, and your reasoning </think>
2. one action: <search> words to look up </search> or <answer> your answer </answer>
After a search you are shown what was found between <information> and </information>. Then everything older than your \
last page, your last action and what it returned is gone, so carry over on the page whatever you still need.
Answers are names, dates or numbers, as short as possible."""

_FORMAT_PAGES = _FORMAT.replace(
    "</search> or <answer>", "</search>, <open> the address of a page </open> or <answer>"
).replace("After a search you are shown what was found", "After a search or a page you are shown what was found")

_FORMAT_JSON = """\
You work in turns and keep one page of notes. In every turn write exactly two blocks:
1. <think> your page: everything you need later, in your own words, and your reasoning </think>
2. one action: a call of a tool, or <answer> your answer </answer>
After a call you are shown what it brought between <information> and </information>. Then everything older than your \
last page, your last action and what it returned is gone, so carry over on the page whatever you still need.
Answers are names, dates or numbers, as short as possible."""

_UPFRONT = """\
{format}
Answer all questions below in one <answer> block at the end, in their order, separated by semicolons.
{questions}
"""

_ONE_BY_ONE = """\
{format}
Questions are asked one after the other. Answer each one with its own <answer> block; then the next one is shown.
"""


def render_prompt(
    template: str | Path, task: Task, *, joined: bool = False, form: ActionForm = "tags", pages: bool = False
) -> str:
    """P for ``task``. Where questions are revealed one by one P does not depend on them, nor on their number.

    Listed questions are numbered. ``brief`` says least: "What is the" and "?" are left out, and the number after the
    last question says what to do then, so that every question is followed by one. ``headed`` is the same with the
    number of the first question in its first line, so that a policy need not find out where the list begins.
    ``joined``: questions stand in one line with "; " between, as published training data has them, and not in a list.
    ``form``: how actions are written; the tools themselves are described behind P where they are called by JSON.
    ``pages``: found pages can be opened.
    Templates may hold tags; questions come from datasets, and any tag in them is broken.

    Raises ``ConfigError`` where a template file is missing or has no ``{questions}``.
    """
    one_by_one = task.reveal == "one_by_one"
    questions = [without_tags(objective.question) for objective in task.objectives]
    numbered = (f"{i}. {question}" for i, question in enumerate(questions, start=task.first))
    listed = "; ".join(questions) if joined else "\n".join(numbered)
    if template == "instruct":
        text = _ONE_BY_ONE if one_by_one else _UPFRONT
        how = _FORMAT_JSON if form == "json" else _FORMAT_PAGES if pages else _FORMAT
        return text.replace("{format}", how).replace("{questions}", listed)
    if template in ("brief", "headed"):
        if one_by_one:
            return "Answer each question.\n"
        return brief_upfront(enumerate(questions, start=task.first), headed=template == "headed")
    text = _read(Path(template))
    return text.replace("{questions}", "asked one after the other" if one_by_one else listed)


def brief_upfront(questions: Iterable[tuple[int, str]], *, headed: bool = False) -> str:
    """The ``brief`` prompt of questions with their numbers, which follow one another; the number after them ends it.

    ``headed``: its first line names the first number.
    """
    listed = [(number, question.removeprefix("What is the ").removesuffix("?")) for number, question in questions]
    lines = [*listed, (listed[-1][0] + 1, LAST)]
    heading = f"Answer all from ({listed[0][0]})." if headed else LAST
    return f"{heading}\n" + "".join(f"({number}) {line}\n" for number, line in lines)


def read_template(path: Path) -> str:
    """The text of a file that somebody named as their prompt, less a byte order mark. Raises ``ConfigError``."""
    try:
        return decoded(path.read_bytes(), str(path), hint="save the prompt as UTF-8")
    except OSError as error:
        raise ConfigError(
            f"cannot read the prompt template: {error}", where=str(path), hint="correct env.prompt"
        ) from error
    except DataError as error:
        raise ConfigError(
            f"cannot read the prompt template: {error.what}", where=error.where, hint=error.hint
        ) from error


@cache
def _read(path: Path) -> str:
    text = read_template(path)
    if "{questions}" not in text:
        raise ConfigError(
            "the prompt template has no {questions}", where=str(path), hint="put {questions} where they go"
        )
    return text
