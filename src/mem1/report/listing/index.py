"""All runs below a folder, each read once and again when its files have changed. For the viewer and ``mem1 runs``."""

from __future__ import annotations

import dataclasses
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock

from mem1.errors import StorageError
from mem1.reading.files import OF_A_RUN
from mem1.report.listing.reading import summary_of
from mem1.report.listing.summary import RunSummary, Status
from mem1.storage.guards.lock import held

DEEPEST = 4  # folders below the one that is listed
MOST = 20_000  # folders that are looked into
_LISTED = 10_000  # files of one folder that a stamp is made of
_MARKS = {OF_A_RUN, "seeds.json", "metrics.jsonl"}
_WITH_CONFIG = {"episodes", "evaluation"}
_LINK = "a link, which is not followed: give its target to the command"

Stamp = tuple[tuple[str, int, int], ...]


class RunsIndex:
    """The runs below ``folder``; a run is not looked into for others. Safe to use from several threads.

    Links are listed and not followed. A summary is kept as long as names, sizes and times of change of the run's files
    are the same; whether somebody writes the run is looked up every time.

    Raises ``StorageError`` where ``folder`` is no folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise StorageError(f"no such folder: {folder}", where=str(folder), hint="give a folder of runs, or a run")
        self.folder = folder
        self._lock = Lock()
        self._known: dict[str, tuple[Stamp, RunSummary]] = {}
        self._paths: dict[str, Path] = {}
        self.stamp: tuple[object, ...] = ()
        """Another one whenever ``runs`` found anything changed since it was called last."""

    def runs(self) -> list[RunSummary]:
        """All runs as they are now, the one that was written last first."""
        with self._lock:
            found = dict(_walk(self.folder))
            known = {name: self._of(name, path, strange) for name, (path, strange) in found.items()}
            self._known = {name: (stamp, summary) for name, (stamp, summary) in known.items()}
            self._paths = {name: path for name, (path, strange) in found.items() if not strange}
            summaries = [_now(summary, found[name][0]) for name, (_, summary) in known.items()]
            stamps = (stamp for stamp, _ in known.values())
            self.stamp = tuple(
                (one.name, one.status.value, *stamp) for one, stamp in zip(summaries, stamps, strict=True)
            )
        return sorted(summaries, key=lambda one: (-one.changed, one.name))

    def path(self, name: str) -> Path | None:
        """Where a run lies that was listed under this name; any other name finds nothing."""
        with self._lock:
            return self._paths.get(name)

    def _of(self, name: str, path: Path, strange: str) -> tuple[Stamp, RunSummary]:
        if strange:
            return (), RunSummary(name, Status.DAMAGED, (strange,))
        stamp = stamp_of(path)
        kept = self._known.get(name)
        if kept is not None and kept[0] == stamp:
            return kept
        changed = max((time for _, _, time in stamp), default=0) / 1e9
        return stamp, summary_of(name, path, changed)


def is_run(path: Path) -> bool:
    """Whether a folder looks like a run, whole or damaged."""
    try:
        with os.scandir(path) as entries:
            names = {entry.name for entry in entries}
    except OSError:
        return False
    return _looks_like_run(names)


def _walk(folder: Path) -> Iterator[tuple[str, tuple[Path, str]]]:
    """Each run's name with its path, and what keeps it from being read (empty: nothing)."""
    waiting = [(folder, "", 0)]
    looked = 0
    while waiting and looked < MOST:
        path, name, depth = waiting.pop()
        looked += 1
        try:
            with os.scandir(path) as found:
                entries = list(found)
        except OSError:
            continue
        if depth and _looks_like_run({entry.name for entry in entries}):
            yield name, (path, "" if _speakable(name) else "its name cannot stand in an address: rename it")
            continue
        for entry in entries:
            below = f"{name}/{entry.name}" if name else entry.name
            if entry.is_symlink():
                if is_run(Path(entry.path)):
                    yield below, (Path(entry.path), _LINK)
            elif depth < DEEPEST and not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                waiting.append((Path(entry.path), below, depth + 1))


def _looks_like_run(names: set[str]) -> bool:
    if "session.db" in names:  # a session of mem1 run, which is another thing
        return False
    return bool(names & _MARKS) or ("config.json" in names and bool(names & _WITH_CONFIG))


def _speakable(name: str) -> bool:
    """Whether a name can be written as text; a file's name may be any bytes."""
    return name.isprintable() and name.encode(errors="replace").decode() == name


def stamp_of(path: Path) -> Stamp:
    """Names, sizes and times of change of a run's files, its checkpoints left out: the same as long as it is."""
    return tuple(sorted(_files(path)))


def _files(path: Path) -> Iterator[tuple[str, int, int]]:
    for folder in ("", "episodes", "evaluation"):
        with suppress(OSError), os.scandir(path / folder) as entries:
            for _, entry in zip(range(_LISTED), entries, strict=False):
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    if not stat.S_ISDIR(found.st_mode) and not entry.name.endswith(".tmp"):
                        yield f"{folder}/{entry.name}", found.st_size, found.st_mtime_ns


def _now(summary: RunSummary, path: Path) -> RunSummary:
    """With what is not in the files: that somebody writes the run."""
    if summary.status is not Status.DAMAGED and held(path):
        return dataclasses.replace(summary, status=Status.RUNNING)
    return summary
