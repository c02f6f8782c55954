"""Whether the files that a recipe names for its splits hold the same questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mem1.errors import DataError
from mem1.tasks.base import Source, Split
from mem1.tasks.questions import asked_alike


@runtime_checkable
class FileSource(Protocol):
    """A source whose splits are files that somebody named, and may have named wrongly."""

    @property
    def present(self) -> Sequence[Split]:
        """The splits that can be read."""


def check_overlap(sources: Sequence[Source]) -> None:
    """Raise ``DataError`` where a question stands in two splits of the sources, whatever its case, marks and blanks.

    Only sources of files are looked at: those that make their splits themselves keep them apart. Files that are not
    there are passed over.
    """
    held: dict[Split, dict[str, str]] = {}
    for source in sources:
        for split in source.present if isinstance(source, FileSource) else ():
            known = held.setdefault(split, {})
            for objective in source.objectives(split):
                known.setdefault(asked_alike(objective), objective.id)
    splits = list(held)
    for number, left in enumerate(splits):
        for right in splits[number + 1 :]:
            _compare(left, held[left], right, held[right])


def _compare(left: Split, first: dict[str, str], right: Split, second: dict[str, str]) -> None:
    shared = [question for question in second if question in first]
    if not shared:
        return
    whole = "; the splits are the same" if len(shared) == len(first) == len(second) else ""
    raise DataError(
        f"splits {left!r} and {right!r} share {len(shared):,} of {len(first):,} and {len(second):,} questions{whole}, "
        f"e.g. {shared[0][:80]!r}",
        where=f"objectives {first[shared[0]]!r} and {second[shared[0]]!r}",
        hint="take them out of one of the files, or allow it: tasks.overlap = 'allow'",
    )
