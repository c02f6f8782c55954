"""Episodes of an expert's that failed: no demonstrations, and counted so that nobody takes what is left for all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import NonNegativeInt, ValidationError

from mem1.errors import BackendError, StorageError
from mem1.storage.atomic import read_json
from mem1.types import Episode, Record


class Lost(Record):
    """Of ``made`` episodes ``failed``; the first one of the error ``first``, at ``where`` (its id, and a line)."""

    made: NonNegativeInt = 0
    failed: NonNegativeInt = 0
    first: str = ""
    where: str = ""

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> Lost:
        """Those among ``episodes``."""
        failed = [(episode.id, episode.error) for episode in episodes if episode.error is not None]
        if not failed:
            return cls(made=len(episodes))
        name, error = failed[0]
        places = [line.strip() for line in error.traceback.splitlines() if line.startswith("  File ")]
        where = ", ".join([name, *places[-1:]])
        return cls(made=len(episodes), failed=len(failed), first=f"{error.type}: {error.message}", where=where)

    @classmethod
    def read(cls, path: Path) -> Lost:
        """What was noted at ``path``, where there is a note. Raises ``StorageError``."""
        if not path.is_file():
            return cls()
        try:
            return cls.model_validate(read_json(path))
        except ValidationError as error:
            raise StorageError(
                "it does not say how many of the expert's episodes failed",
                where=str(path),
                hint="delete it: they are counted from here on then",
            ) from error

    def __add__(self, later: Lost) -> Lost:
        first = self if self.failed else later
        return Lost(
            made=self.made + later.made, failed=self.failed + later.failed, first=first.first, where=first.where
        )

    def __str__(self) -> str:
        told = f", the first with {' '.join(self.first.split())} ({self.where})" if self.failed else ""
        return f"{self.failed} of the expert's {self.made} episodes failed{told}"

    def refuse(self, what: str) -> None:
        """Raise ``BackendError`` with the first cause if any failed; ``what`` says what comes of it."""
        if self.failed:
            raise BackendError(
                f"{what}: {self.failed} of {self.made} episodes failed, the first with {self.first}",
                where=self.where,
                hint="mend the cause, in the expert or in what it asks; then go on: --resume",
            )
