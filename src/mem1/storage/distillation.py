"""What a distilled run holds besides its episodes: them as text, and which of them were kept.

Token ids belong to one tokenizer. Scripts say the same in text, with observations as the environment gave them, so that
a student with another tokenizer, other budgets or another memory policy can be shown them as it will see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mem1.storage.atomic import read_document, write_atomic
from mem1.storage.json_lines import LineWriter, read_lines
from mem1.storage.written import from_json, to_json
from mem1.types import Observation, Record


class TranscriptTurn(Record):
    """One turn as text.

    ``written`` is what the policy wrote, without an end-of-text token; ``observation`` what the environment returned,
    before it was neutralised and cut to anybody's budget; ``None`` where the memory answered and not the environment.
    """

    written: str
    observation: Observation | None = None


class Transcript(Record):
    """One episode as text; ``id`` is the episode's. ``first`` is shown before the first turn, if anything is.

    ``side_calls`` is what was written in each of the episode's; none in scripts that were made before they were kept.
    """

    schema_version: Literal[1] = 1
    id: str
    prompt: str
    first: Observation | None
    turns: tuple[TranscriptTurn, ...]
    side_calls: tuple[str, ...] = ()


class Distillation(Record):
    """The outcome of a distillation: who taught, what was asked, what was kept and why the rest was not.

    ``tokenizer`` identifies the token ids (``None``: nobody's but the teacher's own), ``tags`` the tag names in use.
    ``rewards`` counts episodes by reward an objective, ``rejected`` by reason; ``kept`` are the ids of the
    demonstrations in the order of the tasks.
    """

    schema_version: Literal[1] = 1
    teacher: str
    strategy: str
    tokenizer: str | None
    tags: dict[str, str]
    tasks: int
    episodes: int
    rewards: dict[str, int]
    rejected: dict[str, int]
    kept: tuple[str, ...]


class ScriptWriter:
    """Appends scripts to ``path``, one flushed line each; reopening a file continues it."""

    def __init__(self, path: Path) -> None:
        self._lines = LineWriter(path)

    def write(self, script: Transcript) -> None:
        """Append one script. Raises ``StorageError``."""
        self._lines.write(to_json(script, f"script {script.id!r}", where=str(self._lines.path)))

    def close(self) -> None:
        """Close the file."""
        self._lines.close()


def read_scripts(path: Path) -> Iterator[Transcript]:
    """All whole scripts of a file. Raises ``StorageError`` naming a bad line."""
    for number, line in enumerate(read_lines(path), start=1):
        where = f"{path}, line {number}"
        yield from_json(Transcript, line.text, "script", where=where, hint="distill again with this version of mem1")


def write_distillation(path: Path, record: Distillation) -> None:
    """Write the outcome atomically. Raises ``StorageError``."""
    write_atomic(path, to_json(record, path.name, where=str(path), indent=1) + b"\n")


def read_distillation(path: Path) -> Distillation:
    """Read an outcome. Raises ``StorageError`` when it is missing, damaged or of another version."""
    hint = "select again from what was sampled: mem1 distill RECIPE --run DIR --resume"
    return from_json(Distillation, read_document(path), f"outcome ({path.name})", where=str(path), hint=hint)
