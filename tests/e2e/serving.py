"""A server of its own process for tests: started by the command, found by what it prints, ended by SIGTERM."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Service:
    """A running ``mem1 serve retrieve``."""

    address: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.address.rpartition(":")[2])


@contextmanager
def serving(*words: str) -> Iterator[Service]:
    """Serve with these arguments on a free port of this machine until the block ends."""
    command = [sys.executable, "-m", "mem1.cli.main", "serve", "retrieve", "--port", "0", "--json", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        if not said:
            raise AssertionError(f"the server did not start: {process.communicate(timeout=10)[1]}")
        yield Service(json.loads(said)["retrieve"].removesuffix("/retrieve"), process)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def write_corpus(path: Path, count: int = 200) -> Path:
    """A small corpus in the published format: passage i tells of the numbers i and i + 1."""
    rows = (
        json.dumps({"id": str(i), "contents": f'"Number {i}"\nword{i} comes before word{i + 1}.'}) for i in range(count)
    )
    path.write_text("".join(f"{row}\n" for row in rows))
    return path
