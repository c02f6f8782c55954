"""A server of its own process for tests: started by the command, found by what it prints, ended by SIGTERM.

It ends with the test, however that does (``tests/ending.py``).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.ending import inner, started

Process = subprocess.Popen[str]


@dataclass(frozen=True, slots=True)
class Service:
    """A running ``mem1 serve retrieve``; ``process`` hands on SIGTERM and SIGINT and ends as it does."""

    address: str
    process: Process

    @property
    def pid(self) -> int:
        """Of the server itself."""
        return inner(self.process)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])


@contextmanager
def serving(*words: str) -> Iterator[Service]:
    """Serve with these arguments on a free port of this machine until the block ends."""
    command = [sys.executable, "-m", "mem1.cli.main", "serve", "retrieve", "--port", "0", "--json", *words]
    with begun(command) as (said, process):
        if "retrieve" not in (told := json.loads(said)):
            raise AssertionError(f"the server did not start: {told}")
        yield Service(told["retrieve"].removesuffix("/retrieve"), process)


@contextmanager
def begun(command: Sequence[str], *, env: Mapping[str, str] | None = None) -> Iterator[tuple[str, Process]]:
    """The first line that a server prints, and its process; asked to end with the block, and killed if it does not."""
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
        said = process.stdout.readline() if process.stdout is not None else ""
        if not said:
            raise AssertionError(f"the server did not start: {process.stderr.read() if process.stderr else ''}")
        try:
            yield said, process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)


def write_corpus(path: Path, count: int = 200) -> Path:
    """A small corpus in the published format: passage i tells of the numbers i and i + 1."""
    rows = (
        json.dumps({"id": str(i), "contents": f'"Number {i}"\nword{i} comes before word{i + 1}.'}) for i in range(count)
    )
    path.write_text("".join(f"{row}\n" for row in rows))
    return path
