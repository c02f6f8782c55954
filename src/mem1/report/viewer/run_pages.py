"""A run's pages beside its episodes: results, metrics, configuration and files, and what can be taken from them."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from mem1.errors import DataError, StorageError
from mem1.report.data import RunData, read_numbers
from mem1.report.document import Section, learning_sections, result_sections
from mem1.report.figures.take import no_formula
from mem1.report.listing.index import Stamp, stamp_of
from mem1.report.listing.seeds import flat
from mem1.report.viewer.pages import Viewer
from mem1.storage.atomic import read_json
from mem1.storage.guards.own import refuse_strange_files
from mem1.storage.run_dir import RunDir

_SHOWN = 400  # characters of a value


@dataclass(frozen=True, slots=True)
class Download:
    """A file of the run that can be taken away: what it is called, where it lies, its size in bytes."""

    name: str
    path: Path
    size: int


class RunPages:
    """Renders the pages of a run that show no episode. Each is drawn anew only when the run's files have changed."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self._lock = Lock()
        self._made: dict[str, tuple[Stamp, str]] = {}

    def results(self, query: Mapping[str, str]) -> str:
        """Tables and figures of the evaluations."""
        return self._kept("results", lambda: self._sections("results", result_sections))

    def metrics(self, query: Mapping[str, str]) -> str:
        """Training over steps, with the last line of each metric."""
        return self._kept("metrics", lambda: self._sections("metrics", learning_sections))

    def configuration(self, query: Mapping[str, str]) -> str:
        """What the run was made of: its configuration, versions and seeds, and its files."""
        run, problems = self.viewer.run, []
        parts: dict[str, list[tuple[str, str]]] = {}
        for title, path in (("Configuration", run.config_json), ("Versions", run.versions_json),
                            ("Seeds", run.seeds_json)):  # fmt: skip
            try:
                parts[title] = [(key, cut(text)) for key, text in as_texts(read_json(path))]
            except StorageError as error:
                problems.append(str(error))
        return self.viewer.render(
            "viewer_configuration.html", parts=parts, problems=problems, files=downloads(run), tab="configuration"
        )

    def pulse(self) -> str:
        """A text that changes when the run does."""
        return pulse_of(stamp_of(self.viewer.run.path))

    def metrics_csv(self) -> str:
        """The metrics as a table: a column for each, a line for each step. Raises ``StorageError``."""
        return as_csv(read_numbers(self.viewer.run).metrics)

    def download(self, name: str) -> Download:
        """The file that is listed under ``name``. Raises ``DataError`` for any other, ``StorageError``."""
        refuse_strange_files(self.viewer.run.path)
        found = {one.name: one for one in downloads(self.viewer.run)}
        if name not in found:
            raise DataError(f"no such file: {name!r}", where="address", hint="choose one from the list")
        return found[name]

    def _kept(self, page: str, make: Callable[[], str]) -> str:
        stamp = stamp_of(self.viewer.run.path)
        with self._lock:
            kept = self._made.get(page)
        if kept is None or kept[0] != stamp:
            kept = stamp, make()
            with self._lock:
                self._made[page] = kept
        return kept[1]

    def _sections(self, page: str, make: Callable[[RunData], list[Section]]) -> str:
        data = read_numbers(self.viewer.run)
        return self.viewer.render(
            f"viewer_{page}.html",
            sections=make(data),
            data=data,
            damage=data.damage,
            latest=latest_values(data.metrics) if page == "metrics" else {},
            pulse=self.pulse(),
            tab=page,
        )


def pulse_of(stamp: object) -> str:
    """A short text that is another one when ``stamp`` is."""
    return hashlib.sha256(repr(stamp).encode(errors="replace")).hexdigest()[:16]


def downloads(run: RunDir) -> list[Download]:
    """The files that can be taken away, by names that tell the folder. Nothing below ``checkpoints``."""
    own = [run.config_toml, run.config_json, run.versions_json, run.seeds_json, run.verl, run.metrics, run.log,
           run.views, run.clock, run.web, run.demonstrations, run.distillation,
           run.report_html, run.report_markdown, run.report_json]  # fmt: skip
    own += sorted(run.path.glob("evaluation/*.json")) + list(run.episode_files().values())
    return [
        Download(str(path.relative_to(run.path)), path, path.stat().st_size)
        for path in own
        if path.is_file() and not path.is_symlink()
    ]


def as_texts(value: Any) -> Iterator[tuple[str, str]]:
    """What a configuration holds by dotted names: texts as they are, anything else as JSON."""
    for name, item in flat(value):
        yield name, item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def cut(text: str) -> str:
    """As much of a value as a page shows."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def latest_values(rows: tuple[dict[str, Any], ...]) -> dict[str, tuple[int, float]]:
    """The last number of each metric with its step, by name."""
    return dict(
        sorted(
            (name, (row["step"], value))
            for row in rows
            for name, value in row.items()
            if name != "step" and isinstance(value, int | float)
        )
    )


def as_csv(rows: tuple[dict[str, Any], ...]) -> str:
    """Rows as CSV. A name that a spreadsheet would take for a formula gets a quote in front."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([no_formula(name) for name in names])
    for row in rows:
        values = (row.get(name) for name in names)
        texts = (json.dumps(value) if isinstance(value, list) else value for value in values)
        writer.writerow([no_formula(text) if isinstance(text, str) else text for text in texts])
    return file.getvalue()
