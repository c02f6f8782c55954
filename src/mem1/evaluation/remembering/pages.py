"""What of the past a policy could read at each turn: the newest observation, and the page beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from mem1.evaluation.remembering.words import marked, said
from mem1.types import Episode, ToolCall

Text = Callable[[Sequence[int]], str]
"""Token ids spelled out."""

_ITEM = re.compile(r"(\?\s*)?\((\d{1,4})\)((?:(?!\??\s*\(\d{1,4}\))[^;\n<])*)")


@dataclass(frozen=True)
class Page:
    """What stood in the context of a turn behind P, but for the newest observation and the look-up that it answers.

    ``numbers``: those that a task's questions bear. An item is what follows one in brackets, ``(3) Lima``; behind a
    question mark, ``?(4) capital of Peru``, it is what is still asked.
    """

    text: str
    numbers: range

    @cached_property
    def items(self) -> dict[int, list[str]]:
        """The items that bear a number of the task, by number, in marked form."""
        found: dict[int, list[str]] = {}
        for item in _ITEM.finditer(self.text):
            if (number := int(item[2])) in self.numbers and not item[1]:
                found.setdefault(number, []).append(marked(item[3]))
        return found

    @cached_property
    def rest(self) -> str:
        """What stands in no item, in marked form."""
        return marked(_ITEM.sub(lambda item: " " if int(item[2]) in self.numbers else item[0], self.text))

    def says(self, number: int, phrases: Sequence[str]) -> bool:
        """Whether the item ``number`` says one of ``phrases``."""
        return any(said(phrases, item) for item in self.items.get(number, ()))


@dataclass(frozen=True, slots=True)
class Seen:
    """The past as one turn saw it; ``fresh`` is the newest observation in marked form."""

    page: Page
    fresh: str


def pages(episode: Episode, text: Text) -> Iterator[Seen]:
    """What each turn of ``episode`` saw, in order, whatever the memory.

    A context that goes on from the one before is spelled out from there only.
    """
    task = episode.task
    numbers = range(task.first, task.first + task.size)
    ids: tuple[int, ...] = ()
    carried = ""
    for index, turn in enumerate(episode.turns):
        now = turn.prompt_token_ids[turn.prefix_length :]
        goes_on = ids and now[: len(ids)] == ids
        carried = carried + text(now[len(ids) :]) if goes_on else text(now)
        ids = now
        if index == 0:
            yield Seen(Page("", numbers), marked(carried))
            continue
        before = episode.turns[index - 1]
        shown = before.observation or ""
        page = _without_last(carried, shown)
        if isinstance(before.action, ToolCall):
            page = _without_last(page, before.action_text)
        yield Seen(Page(page, numbers), marked(shown))


def page_tokens(episode: Episode) -> int:
    """Tokens of the largest page: context less P, less the newest observation, over turns."""
    sizes = [
        len(turn.prompt_token_ids) - turn.prefix_length - (before.observation_length if before else 0)
        for before, turn in zip((None, *episode.turns), episode.turns, strict=False)
    ]
    return max((*sizes[1:], 0))


def _without_last(text: str, part: str) -> str:
    """``text`` without the last place in which ``part`` stands, if there is one."""
    if not part:
        return text
    before, found, after = text.rpartition(part)
    return f"{before} {after}" if found else text
