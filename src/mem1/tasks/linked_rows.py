"""Chains from a dataset's rows: one question's answer is what another question asks about.

"Who wrote Emma?" is answered "Jane Austen", and "Where was Jane Austen born?" becomes "Where was the previous answer
born?".
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

from mem1.errors import ConfigError
from mem1.tasks.base import Source, Split
from mem1.types import Objective

PREVIOUS = "the previous answer"
_WORD = re.compile(r"\w+(?:['’.&-]\w+)*")
_LONGEST = 8  # words of an answer that can stand in a question


@dataclass(frozen=True, slots=True)
class _Link:
    """Question ``to`` with ``said``, what it asks about, in place of an answer."""

    to: Objective
    start: int
    end: int

    def asked(self) -> Objective:
        text = self.to.question
        said = f"{text[: self.start]}{PREVIOUS}{text[self.end :]}"
        metadata = {key: value for key, value in self.to.metadata.items() if key != "number"}
        return self.to.model_copy(
            update={
                "id": f"{self.to.id}<{text[self.start : self.end]}",
                "question": said[:1].upper() + said[1:] if self.start == 0 else said,
                "standalone": text,
                "metadata": metadata,
            }
        )


class LinkedRows:
    """Any source whose rows can be chained, as a ``ChainSource``.

    A question can follow another where an accepted answer of that one stands in it as whole words, once, regardless of
    case. Only names link: the place in the question has a capital letter or more than one word, and four signs or more,
    so that "no" or "red" link nothing; and whole ones, so that "Austen" is not taken out of "Jane Austen". A question
    whose own answer stands in what it asks about is passed over: the answer before would give it away.

    Links are found once for a source that hands out the same rows again, however often it is composed from. Raises
    ``ConfigError`` in ``start`` where nothing links.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._links = _known(source)

    @property
    def name(self) -> str:
        """The source's."""
        return self._source.name

    def start(self, rng: random.Random, split: Split) -> Objective:
        """A question whose answer leads to another, as it stands."""
        links = self._of(split)
        if not links.starts:
            raise ConfigError(
                "chained tasks need sources whose objectives can be linked: "
                f"in no question of {self.name!r} stands the answer to another",
                where=f"sources, split {split!r}",
                hint="use rows about the same names, a source with start() and link(), or another composition",
            )
        return rng.choice(links.starts)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """A question about an answer to ``previous``."""
        found = next((one for split in self._links.values() if (one := split.after.get(_key(previous)))), None)
        return rng.choice(found).asked() if found else None

    def _of(self, split: Split) -> _Links:
        objectives, known = self._source.objectives(split), self._links.get(split)
        if known is None or known.objectives is not objectives:
            known = self._links[split] = _Links(objectives)
        return known


class _Links:
    """All links among some questions."""

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self.objectives = objectives

    @cached_property
    def starts(self) -> list[Objective]:
        """The questions that another follows."""
        return [one for one in self.objectives if _key(one) in self.after]

    @cached_property
    def after(self) -> Mapping[str, list[_Link]]:
        """By a question's id the links from it."""
        sought = {words for one in self.objectives for words in _answers(one)}
        about: dict[tuple[str, ...], list[_Link]] = {}
        for one in self.objectives:
            own = set(_answers(one))
            for words, link in _mentions(one, sought):
                if not any(_within(answer, words) for answer in own):
                    about.setdefault(words, []).append(link)
        found: dict[str, list[_Link]] = {}
        for one in self.objectives:
            links = [link for words in _answers(one) for link in about.get(words, ()) if link.to.id != one.id]
            if links:
                found[_key(one)] = links
        return found


_KNOWN: WeakKeyDictionary[Source, dict[Split, _Links]] = WeakKeyDictionary()


def _known(source: Source) -> dict[Split, _Links]:
    """The links found in ``source`` so far; none of one that cannot be a key."""
    try:
        return _KNOWN.setdefault(source, {})
    except TypeError:
        return {}


def _key(objective: Objective) -> str:
    return objective.id.partition("<")[0]


def _answers(objective: Objective) -> Iterator[tuple[str, ...]]:
    """The accepted answers as words, each once."""
    yield from dict.fromkeys(words for answer in objective.answers if (words := _words(answer)))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORD.findall(text))


def _mentions(objective: Objective, sought: set[tuple[str, ...]]) -> Iterator[tuple[tuple[str, ...], _Link]]:
    """Which of ``sought`` stand in the question, once each, and where."""
    text = objective.question
    spans = [match.span() for match in _WORD.finditer(text)]
    found: dict[tuple[str, ...], list[_Link]] = {}
    for first in range(len(spans)):
        for last in range(first, min(first + _LONGEST, len(spans))):
            start, end = spans[first][0], spans[last][1]
            words = _words(text[start:end])
            beside = [text[a:b] for a, b in (*spans[max(first - 1, 1) : first], *spans[last + 1 : last + 2])]
            if words in sought and _is_name(text[start:end]) and not any(word[0].isupper() for word in beside):
                found.setdefault(words, []).append(_Link(objective, start, end))
    yield from ((words, links[0]) for words, links in found.items() if len(links) == 1)


def _is_name(text: str) -> bool:
    return len(text) >= 4 and (any(sign.isupper() for sign in text) or " " in text) and any(map(str.isalpha, text))


def _within(inner: tuple[str, ...], outer: tuple[str, ...]) -> bool:
    return any(outer[at : at + len(inner)] == inner for at in range(len(outer) - len(inner) + 1))
