"""Composition: objectives from any source become tasks of N objectives (method section 4).

Everything is drawn from the seed by stable hashes, so the same input gives the same tasks, byte for byte,
on any machine. A task's id is a hash of its content; a task that repeats an earlier one of the same list is numbered
after it (``hash~2``), so that both can be told apart and a longer list begins with the shorter one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from mem1.errors import ConfigError, DataError
from mem1.tasks.base import Source, Split
from mem1.tasks.chain import ChainSource, walk
from mem1.tasks.delayed import delayed
from mem1.tasks.linked_rows import LinkedRows
from mem1.tasks.questions import asked_alike, asks
from mem1.tasks.shuffle import Deck, digest
from mem1.types import Composition, Objective, Task

Order = Literal["shuffled", "consecutive"]
Reveal = Literal["upfront", "one_by_one"]

_REVEAL: dict[Composition, Reveal] = {
    Composition.PARALLEL: "upfront",
    Composition.SEQUENTIAL: "one_by_one",
    Composition.CHAINED: "one_by_one",
    Composition.MIXED: "upfront",
    Composition.DELAYED: "one_by_one",
}


def compose(
    sources: Sequence[Source] | Sequence[Objective],
    *,
    composition: Composition,
    objectives: int,
    count: int | None,
    seed: int,
    split: Split,
    order: Order = "shuffled",
    reveal: Reveal | None = None,
    delay: int = 1,
) -> list[Task]:
    """Compose ``count`` tasks of ``objectives`` objectives each.

    Args:
        sources: Task sources, or objectives that were chosen already (grouped by their ``source``).
        composition: ``parallel`` and ``sequential`` stay inside one source a task, and the sources take turns;
            ``mixed`` spreads each task over all sources; ``chained`` links a ``ChainSource`` as it says, and the
            rows of any other source where one question asks about another's answer (``LinkedRows``);
            ``delayed`` is ``sequential`` with answers asked again ``delay`` questions later.
        count: Number of tasks. ``None``, with ``consecutive`` only: all there are.
        order: ``shuffled`` deals from a seeded deck (see ``Deck``); ``consecutive`` is the published recipe:
            groups of N in the source's own order, source after source, remainders dropped, no seed.
        reveal: Whether the questions are shown at once or one by one; by default what the composition implies.

    A question without a question mark at its end gets one, as in the published recipe; any script's own will do. An
    instruction (as its metadata say) gets none.
    Raises ``DataError`` for sources that have too little, ``ConfigError`` for combinations that mean nothing.
    """
    _check(composition, objectives, count, order)
    drawn = _draw(sources, composition, objectives, seed, split, order)
    if composition is Composition.DELAYED:
        drawn = (delayed([_asked(objective) for objective in group], delay) for group in drawn)
    tasks = _told_apart(make_task(group, composition, split, reveal) for group in islice(drawn, count))
    if not tasks or (count is not None and len(tasks) < count):
        raise DataError(
            f"split {split!r} has {len(tasks)} consecutive groups of {objectives} objectives, "
            f"not {'one' if count is None else count}",
            hint="ask for fewer tasks or fewer objectives a task, or use order = 'shuffled'",
        )
    return tasks


def make_task(
    objectives: Iterable[Objective], composition: Composition, split: str, reveal: Reveal | None = None
) -> Task:
    """One task of these objectives, in this order, with an id made from its content."""
    asked = tuple(_asked(objective) for objective in objectives)
    shown = reveal or _REVEAL[composition]
    content = digest(composition.value, shown, split, *(objective.model_dump_json() for objective in asked))
    return Task(id=content[:16], composition=composition, reveal=shown, split=split, objectives=asked)


def _told_apart(tasks: Iterable[Task]) -> list[Task]:
    """The tasks with ids of their own: the second of those that ask the same becomes ``id~2``, and so on."""
    seen: Counter[str] = Counter()
    found = []
    for task in tasks:
        seen[task.id] += 1
        found.append(task if seen[task.id] == 1 else task.model_copy(update={"id": f"{task.id}~{seen[task.id]}"}))
    return found


def repetition(tasks: Sequence[Task]) -> str | None:
    """How many of the tasks ask what an earlier one asks, in words; ``None`` where none does."""
    again = sum(task.id != task.content for task in tasks)
    return f"{again:,} of {len(tasks):,} tasks repeat an earlier one" if again else None


def check_disjoint(splits: Mapping[str, Iterable[Objective | Task]]) -> None:
    """Raise ``DataError`` if two splits share an objective, a question or an entity.

    Questions are compared as they stand alone, by ``asked_alike``. Entities are what sources name in
    ``metadata["entity"]``.
    """
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for split, items in splits.items():
        for item in items:
            for objective in item.objectives if isinstance(item, Task) else (item,):
                for kind, mark, shown in _marks(objective):
                    first, other = seen.setdefault((kind, mark), (split, objective.id))
                    if first != split:
                        raise DataError(
                            f"splits {first!r} and {split!r} share the {kind} {shown!r}",
                            where=f"objectives {other!r} and {objective.id!r}",
                            hint="take it out of one of the splits",
                        )


def _check(composition: Composition, objectives: int, count: int | None, order: Order) -> None:
    if objectives < 1:
        raise ConfigError(
            f"a task has at least one objective, got {objectives}", where="objectives", hint="give 1 or more"
        )
    if count is not None and count < 1:
        raise ConfigError(f"there must be at least one task, got {count}", where="count", hint="give 1 or more")
    if count is None and order == "shuffled":
        raise ConfigError(
            "shuffled tasks never run out", where="count", hint="say how many, or use order = 'consecutive'"
        )
    if order == "consecutive" and composition in (Composition.MIXED, Composition.CHAINED):
        raise ConfigError(
            f"{composition.value} tasks have no consecutive order", where="order", hint="use order = 'shuffled'"
        )


def _pools(
    sources: Sequence[Source] | Sequence[Objective], split: Split, composition: Composition, size: int
) -> dict[str, list[Objective]]:
    """Objectives by source name, in the order given."""
    pools: dict[str, list[Objective]] = {}
    ids: set[str] = set()
    for item in sources:
        for objective in (item,) if isinstance(item, Objective) else item.objectives(split):
            if objective.id in ids:
                raise DataError(f"the objective {objective.id!r} appears twice in split {split!r}", hint="remove one")
            ids.add(objective.id)
            pools.setdefault(objective.source, []).append(objective)
    if not pools:
        names = ", ".join(item.name for item in sources if not isinstance(item, Objective)) or "the list"
        raise DataError(f"{names}: no objective in split {split!r}", hint="use another split or add data for this one")
    if composition is Composition.MIXED and len(pools) < 2:
        raise ConfigError(
            f"mixed tasks need two sources or more, got {', '.join(pools)}",
            where="sources",
            hint="add a source, or use composition = 'parallel'",
        )
    lonely = [name for name, pool in pools.items() if len(pool) < 2]
    if lonely and size > 1 and composition is not Composition.MIXED:
        raise DataError(
            f"{lonely[0]}: one objective in split {split!r} cannot fill a task of {size}",
            hint="add data, or ask for one objective a task",
        )
    return pools


def _draw(
    sources: Sequence[Source] | Sequence[Objective],
    composition: Composition,
    size: int,
    seed: int,
    split: Split,
    order: Order,
) -> Iterator[Sequence[Objective]]:
    if composition is Composition.CHAINED:
        return _chained(sources, size, split, seed)
    pools = _pools(sources, split, composition, size)
    if order == "consecutive":
        return _consecutive(pools, size)
    if composition is Composition.MIXED:
        return _mixed(pools, size, (seed, split))
    return _inside_one(pools, size, (seed, split))


def _inside_one(pools: Mapping[str, list[Objective]], size: int, seed: tuple[object, ...]) -> Iterator[list[Objective]]:
    decks = [Deck(pool, *seed, name) for name, pool in pools.items()]
    while True:
        for deck in decks:
            deck.begin()
            yield [deck.deal() for _ in range(size)]


def _mixed(pools: Mapping[str, list[Objective]], size: int, seed: tuple[object, ...]) -> Iterator[list[Objective]]:
    decks = {name: Deck(pool, *seed, name) for name, pool in pools.items()}
    number = 0
    while True:
        for deck in decks.values():
            deck.begin()
        yield [decks[name].deal() for name in islice(_turns(list(decks), *seed, number), size)]
        number += 1


def _turns(names: list[str], *seed: object) -> Iterator[str]:
    """Names in shuffled rounds, never one twice in a row."""
    last, turn = "", 0
    while True:
        ranked = sorted(names, key=lambda name: digest(*seed, turn, name))
        if ranked[0] == last:
            ranked.append(ranked.pop(0))
        yield from ranked
        last, turn = ranked[-1], turn + 1


def _consecutive(pools: Mapping[str, list[Objective]], size: int) -> Iterator[list[Objective]]:
    for pool in pools.values():
        for start in range(0, len(pool) - size + 1, size):
            yield pool[start : start + size]


def _chained(
    sources: Sequence[Source] | Sequence[Objective], size: int, split: Split, seed: int
) -> Iterator[tuple[Objective, ...]]:
    linked = [
        source if isinstance(source, ChainSource) else LinkedRows(source)
        for source in sources
        if not isinstance(source, Objective)
    ]
    if not linked or len(linked) < len(sources):
        raise ConfigError(
            "chained tasks need sources whose objectives can be linked",
            where="sources",
            hint="hand over task sources and not chosen objectives; or use another composition",
        )
    number = 0
    while True:
        source = linked[number % len(linked)]
        yield walk(source, objectives=size, split=split, seed=digest(seed, split, source.name, number))
        number += 1


def _asked(objective: Objective) -> Objective:
    if asks(objective.question) or objective.metadata.get("kind") == "instruction":
        return objective
    return objective.model_copy(update={"question": objective.question + "?"})


def _marks(objective: Objective) -> Iterator[tuple[str, str, str]]:
    """What may stand in one split only: its kind, how it is compared, how it is shown."""
    yield "objective", objective.id, objective.id
    yield "question", asked_alike(objective), (objective.standalone or objective.question).casefold()
    if "entity" in objective.metadata:
        yield "entity", str(objective.metadata["entity"]), str(objective.metadata["entity"])
