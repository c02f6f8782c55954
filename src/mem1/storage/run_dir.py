"""The one description of a run directory: which files there are and what they are called.

config.toml  config.json    the resolved configuration (JSON is complete; TOML has no null)
versions.json  seeds.json   what it ran on, and from which seeds
metrics.jsonl               one line of numbers a step
episodes/NAME.jsonl[.gz]    episodes, each with NAME.index.jsonl beside it
evaluation/NAME.json        evaluations
damaged/NAME-1.jsonl.gz     episode files that could not be read to their end, as they were (see guards/salvage.py)
vocabulary/HASH.json.gz     the text of every token id
views.json                  how far training views are from what the policy saw
.lock                       who writes here now, if anybody does (see guards/lock.py)
web.json                    searches and pages that episodes asked for, and failures by cause
clock.json                  seconds a demonstration has taken so far
scripts/NAME.jsonl.gz       distilled episodes as text
distillation.json           which of them are demonstrations, and why the others are not
demonstrations.json         what a warm start learned from
checkpoints/NAME/           checkpoints
tensorboard/                event files, where that monitor was asked for
progress.log                how far it was, a line every so often
verl.yaml                   what verl was configured with, where it trained
report.html  report.md  report.json
paper.html  paper.md  paper.json    beside the published figures (`mem1 report --paper`)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar

from pydantic import BaseModel

from mem1.config import Config, ConfigT, build
from mem1.errors import ConfigError, StorageError
from mem1.reading.files import OF_A_RUN
from mem1.storage.atomic import read_document, read_json, storage_errors, write_atomic, write_json
from mem1.storage.guards.limits import DOCUMENT, too_large
from mem1.storage.guards.lock import LOCK
from mem1.storage.guards.own import refuse_strange_files
from mem1.storage.toml import to_toml
from mem1.storage.upgrade import upgraded_evaluation
from mem1.storage.versions import versions
from mem1.storage.written import from_json, to_json

RecordT = TypeVar("RecordT", bound=BaseModel)

_NAME = re.compile(r"[^\W_][\w.+-]{0,199}")  # letters of any script; nothing that leaves the folder


class RunDir:
    """A run on disk. Only this class knows its file names."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, name: str, config: Config, *, seeds: Mapping[str, int] | None = None) -> RunDir:
        """Start a run at ``root / name``. Raises ``StorageError`` if something is already there.

        A run that ended before anything was recorded (its model was not found, say) is begun anew.
        """
        run = cls(root / _checked(name))
        with storage_errors("make the run directory", run.path):
            run.path.mkdir(parents=True, exist_ok=True)
        cls.check_free(run.path)
        write_json(run.versions_json, versions())
        write_json(run.seeds_json, dict(seeds or {}))
        run.write_config(config)
        return run

    @classmethod
    def check_free(cls, path: Path) -> None:
        """Raise ``StorageError`` if ``path`` is taken: no run can begin there. Makes nothing."""
        _checked(path.name)
        own = {"config.json", "config.toml", OF_A_RUN, "seeds.json", "verl.yaml", LOCK}  # none of them a result
        with storage_errors("make the run directory", path):
            if not path.exists():
                return
            foreign = {entry.name for entry in path.iterdir()} - own
        foreign = {name for name in foreign if not name.endswith(".tmp")}
        if foreign:
            raise StorageError(
                f"there is something at {path} already ({', '.join(sorted(foreign)[:3])}, ...)",
                where=str(path),
                hint="choose another name, resume that run, or move the directory away",
            )

    @classmethod
    def reserve(cls, root: Path, name: str) -> Path:
        """Make a directory that nobody else has: ``root / name``, or ``name-2`` and so on where that is taken."""
        _checked(name)
        for number in count(1):
            path = root / (name if number == 1 else f"{name}-{number}")
            with storage_errors("make the run directory", path), suppress(FileExistsError):
                path.mkdir(parents=True)
                break
        return path

    def write_config(self, config: Config) -> None:
        """Write the resolved configuration. Raises ``StorageError``."""
        write_config(self.config_toml, config)
        write_json(self.config_json, config.model_dump(mode="json"))

    @classmethod
    def open(cls, path: Path) -> RunDir:
        """Open an existing run.

        Raises ``StorageError`` if ``path`` holds none, or something that leads out of it (``storage/guards/own.py``).
        """
        run = cls(path)
        absent = [name for name in ("config.json", OF_A_RUN) if not (path / name).is_file()]
        if absent:
            raise StorageError(
                f"{path} is not a run directory: it has no {absent[0]}" if path.exists() else f"no such run: {path}",
                where=str(path),
                hint="give the directory that train or evaluate printed",
            )
        refuse_strange_files(path)
        return run

    # ------------------------------------------------------------ names

    @property
    def config_toml(self) -> Path:
        """The resolved configuration, to read and to start another run from."""
        return self.path / "config.toml"

    @property
    def config_json(self) -> Path:
        """The resolved configuration, complete."""
        return self.path / "config.json"

    @property
    def versions_json(self) -> Path:
        """What it ran on."""
        return self.path / OF_A_RUN

    @property
    def seeds_json(self) -> Path:
        """The seeds that it began from."""
        return self.path / "seeds.json"

    @property
    def metrics(self) -> Path:
        """JSON lines, one a step."""
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """How far the run was, a line every so often."""
        return self.path / "progress.log"

    @property
    def verl(self) -> Path:
        """verl's whole configuration, where it trained; written anew each time."""
        return self.path / "verl.yaml"

    @property
    def checkpoints(self) -> Path:
        """Directory of checkpoints."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """Directory of TensorBoard event files."""
        return self.path / "tensorboard"

    @property
    def vocabulary(self) -> Path:
        """Directory of vocabularies (see ``storage/vocabulary.py``)."""
        return self.path / "vocabulary"

    @property
    def views(self) -> Path:
        """JSON list, one row a training view."""
        return self.path / "views.json"

    @property
    def web(self) -> Path:
        """JSON object, counts by name: what was asked of the web, and what failed."""
        return self.path / "web.json"

    @property
    def clock(self) -> Path:
        """Seconds that a demonstration has taken so far."""
        return self.path / "clock.json"

    @property
    def distillation(self) -> Path:
        """The outcome of a distillation."""
        return self.path / "distillation.json"

    @property
    def demonstrations(self) -> Path:
        """What a warm start learned from: stored demonstrations, or how many of the expert's episodes failed."""
        return self.path / "demonstrations.json"

    @property
    def report_html(self) -> Path:
        """The report to look at."""
        return self.path / "report.html"

    @property
    def report_markdown(self) -> Path:
        """The report as Markdown."""
        return self.path / "report.md"

    @property
    def report_json(self) -> Path:
        """The report's numbers."""
        return self.path / "report.json"

    def checkpoint(self, name: str) -> Path:
        """Directory of one checkpoint."""
        return self.checkpoints / _checked(name)

    def episodes(self, name: str, *, compressed: bool = False) -> Path:
        """Path for a new episode file, or of the existing one of that name."""
        plain = self.path / "episodes" / f"{_checked(name)}.jsonl"
        packed = plain.with_name(plain.name + ".gz")
        if plain.exists() or packed.exists():
            return packed if packed.exists() else plain
        return packed if compressed else plain

    def scripts(self, name: str) -> Path:
        """Path of the scripts beside an episode file."""
        return self.path / "scripts" / f"{_checked(name)}.jsonl.gz"

    def episode_files(self) -> dict[str, Path]:
        """Episode files by name, sorted."""
        paths = [*self.path.glob("episodes/*.jsonl"), *self.path.glob("episodes/*.jsonl.gz")]
        named = {path.name.removesuffix(".gz").removesuffix(".jsonl"): path for path in paths}
        return {name: named[name] for name in sorted(named) if not name.endswith(".index")}

    def evaluation(self, name: str) -> Path:
        """File of one evaluation."""
        return self.path / "evaluation" / f"{_checked(name)}.json"

    def evaluations(self) -> list[str]:
        """Names of the evaluations there are, sorted."""
        return sorted(path.stem for path in self.path.glob("evaluation/*.json"))

    # ------------------------------------------------------------ content

    def config(self, kind: type[ConfigT]) -> ConfigT:
        """The resolved configuration as ``kind``. Raises ``ConfigError`` or ``StorageError``."""
        data = read_json(self.config_json)
        if not isinstance(data, dict):
            raise ConfigError("config.json is not an object", where=str(self.config_json), hint="restore the file")
        return build(kind, data, where=str(self.config_json))

    def versions(self) -> dict[str, str | None]:
        """What the run was made with. Raises ``StorageError``."""
        return _mapping(self.versions_json, str | None)

    def seeds(self) -> dict[str, int]:
        """The run's seeds by purpose. Raises ``StorageError``."""
        return _mapping(self.seeds_json, int)

    def add_web(self, counts: Mapping[str, int]) -> None:
        """Add what was asked of the web to what was before. Raises ``StorageError``."""
        known = _mapping(self.web, int) if self.web.is_file() else {}
        write_json(self.web, {name: known.get(name, 0) + counts.get(name, 0) for name in sorted({*known, *counts})})

    def seconds(self) -> float:
        """Seconds that a demonstration has taken so far. Raises ``StorageError`` where the clock is damaged."""
        if not self.clock.is_file():
            return 0.0
        found = _mapping(self.clock, int | float).get("seconds")
        if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < 1e12:
            raise StorageError("clock.json holds no seconds", where=str(self.clock), hint="delete it: it counts from 0")
        return float(found)

    def write_evaluation(self, name: str, record: BaseModel) -> Path:
        """Write one evaluation atomically; returns its path."""
        path = self.evaluation(name)
        data = to_json(record, f"the evaluation {name!r}", where=str(path), indent=1) + b"\n"
        if len(data) > DOCUMENT:
            raise too_large(f"the evaluation {name!r}", DOCUMENT, where=str(path), hint="keep fewer transcripts")
        write_atomic(path, data)
        return path

    def read_evaluation(self, name: str, kind: type[RecordT]) -> RecordT:
        """Read one evaluation. Raises ``StorageError`` when it is missing, damaged or of another version."""
        path = self.evaluation(name)
        return from_json(
            kind,
            read_document(path),
            f"{kind.__name__} ({path.name})",
            where=str(path),
            hint="read it with the version of mem1 that wrote it (see versions.json), or delete it and evaluate again "
            "with --resume: episodes that are on disk are not run anew",
            upgrade=upgraded_evaluation if "schema_version" in kind.model_fields else None,
        )


def _mapping(path: Path, kind: type | UnionType) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict) or not all(isinstance(value, kind) for value in found.values()):
        raise StorageError(
            f"{path.name} is not an object of the values that belong there",
            where=str(path),
            hint="restore the file from a copy",
        )
    return found


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} cannot be a file name", hint="use letters, digits, dot, dash, plus and underscore, at most 200"
        )
    return name


def write_config(path: Path, config: Config) -> None:
    """Write the resolved configuration as TOML, which has no null. Raises ``StorageError``."""
    write_atomic(path, to_toml(config.model_dump(mode="json")).encode())
