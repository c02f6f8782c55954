"""The error vocabulary: every failure says what happened, where, and what to do about it."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar


class Mem1Error(Exception):
    """Base of all errors that are not bugs in the program.

    Args:
        what: One sentence: what went wrong, with the offending value.
        where: The field, file, row or endpoint it went wrong in.
        hint: What the reader can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.hint))


def _rebuild(kind: type[Mem1Error], what: str, where: str | None, hint: str | None) -> Mem1Error:
    return kind(what, where=where, hint=hint)


class ConfigError(Mem1Error):
    """A configuration that cannot be used: unknown key, wrong type, contradiction."""

    exit_code = 2


class DataError(Mem1Error):
    """Input data that cannot be read or is not what it claims to be."""

    exit_code = 3


class ModelError(Mem1Error):
    """A model that is missing, broken, or lacks a feature that is needed."""

    exit_code = 4


class CheckpointError(Mem1Error):
    """A checkpoint that is missing, damaged, or belongs to another run."""

    exit_code = 5


class StorageError(Mem1Error):
    """The run directory cannot be written or read (full disk, permissions, damage)."""

    exit_code = 6


class BackendError(Mem1Error):
    """An engine, retriever or server failed. Makes one failed episode, never a model output.

    ``ends_run``: no call can succeed until somebody mends the cause (a wrong key, a service that is gone). Such an
    error is no episode's: it ends the run, which can be resumed.
    """

    exit_code = 7
    ends_run: bool = False


class ContextLimitError(BackendError):
    """The backend's context is too short for what was to be written. Ends the episode there, like our own limit."""


class SpendingLimitError(Mem1Error):
    """As many calls were made, or as much money was spent, as the command was allowed. What is finished is on disk."""

    exit_code = 10


def ends_run(error: BaseException | None) -> bool:
    """Whether ``error`` is one after which no episode can succeed."""
    return isinstance(error, SpendingLimitError) or (isinstance(error, BackendError) and error.ends_run)


class NoSignalError(Mem1Error):
    """Too many batches in a row in which no group had any reward difference."""

    exit_code = 8


class IncompleteError(Mem1Error):
    """A result stands, but part of what it should rest on failed. It is written and printed; the exit code says so."""

    exit_code = 9


class InexactError(ModelError):
    """A fast path refused a model for which it would not reproduce the reference."""


@contextmanager
def boundary(what: str, kind: type[Mem1Error], *, hint: str, where: str | None = None) -> Iterator[None]:
    """Turn an outside library's exception into one of ours, keeping it as the cause.

    Errors of this module pass through untouched; so do ``KeyboardInterrupt`` and ``SystemExit``.
    """
    try:
        yield
    except Mem1Error:
        raise
    except Exception as error:
        raise kind(f"{what}: {type(error).__name__}: {error}", where=where, hint=hint) from error


def short_traceback(error: BaseException, *, limit: int = 8) -> str:
    """The last ``limit`` frames of ``error`` as text, for an episode's error record."""
    return "".join(traceback.format_exception(type(error), error, error.__traceback__, limit=-limit))
