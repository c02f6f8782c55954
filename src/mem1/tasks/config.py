"""Which tasks a run works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.errors import DataError
from mem1.tasks.base import Source, Split
from mem1.tasks.compose import Order, Reveal, compose, repetition
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.world import World
from mem1.tasks.files.csv_files import CsvFiles
from mem1.tasks.files.hf_data import HfData
from mem1.tasks.files.parquet import ParquetSource
from mem1.tasks.files.qa_files import QaFiles
from mem1.tasks.files.qa_rows import Columns
from mem1.tasks.shuffle import digest
from mem1.tasks.source_config import SourceConfig
from mem1.types import Composition, Objective, Task


class FactbookConfig(SourceConfig):
    """The embedded world: questions and passages from the World Factbook, split by country."""

    type: Literal["factbook"] = "factbook"

    def build(self) -> World:
        """The source, which is a corpus and a chain source too. Raises ``DataError``."""
        return factbook_world()


class _FilesConfig(SourceConfig):
    """A name, and a file for each split there is."""

    name: str = Field(min_length=1)
    train: Path | None = None
    dev: Path | None = None
    test: Path | None = None

    @model_validator(mode="after")
    def _has_a_file(self) -> Self:
        if not self.files:
            raise ValueError("name a file for at least one of train, dev and test")
        return self

    @property
    def files(self) -> dict[Split, Path]:
        """The files that were named."""
        paths: dict[Split, Path | None] = {"train": self.train, "dev": self.dev, "test": self.test}
        return {split: path for split, path in paths.items() if path is not None}


class QaFilesConfig(_FilesConfig):
    """One dataset of question files in the FlashRAG format, a file for each split there is."""

    type: Literal["qa_files"] = "qa_files"

    def build(self) -> QaFiles:
        """The source; its files are read when first needed."""
        return QaFiles(self.name, self.files)


class CsvFilesConfig(_FilesConfig):
    """One dataset of CSV files with a header; see ``CsvFiles``. ``between = ""``: a cell is one answer."""

    type: Literal["csv"] = "csv"
    question: str = "question"
    answers: tuple[str, ...] = Field(default=("answers",), min_length=1)
    between: str = "|"
    id: str | None = None
    delimiter: str = Field(default=",", min_length=1, max_length=1)

    def build(self) -> CsvFiles:
        """The source; its files are read when first needed."""
        return CsvFiles(
            self.name,
            self.files,
            question=self.question,
            answers=self.answers,
            between=self.between or None,
            id_column=self.id,
            delimiter=self.delimiter,
        )


class ParquetConfig(_FilesConfig):
    """Tasks in Search-R1's and MEM1's Parquet form; see ``ParquetSource``."""

    type: Literal["parquet"] = "parquet"

    def build(self) -> ParquetSource:
        """The source; its files are read when first needed."""
        return ParquetSource(self.name, self.files)


class HfDataConfig(SourceConfig):
    """A Hugging Face dataset by name or folder; see ``HfData``. ``train``, ``dev``, ``test``: what it calls them."""

    type: Literal["hf_datasets"] = "hf_datasets"
    name: str = Field(min_length=1)
    path: str = Field(min_length=1)
    config: str | None = None
    revision: str | None = None
    train: str | None = None
    dev: str | None = None
    test: str | None = None
    id: str | None = "id"
    question: str = "question"
    answers: str = "golden_answers"

    @model_validator(mode="after")
    def _has_a_split(self) -> Self:
        if not self._splits():
            raise ValueError("name the dataset's split for at least one of train, dev and test")
        return self

    def build(self) -> HfData:
        """The source; its splits are loaded when first needed."""
        columns = Columns(id=self.id, question=self.question, answers=self.answers)
        return HfData(self.name, self.path, self._splits(), config=self.config, revision=self.revision, columns=columns)

    def _splits(self) -> dict[Split, str]:
        names: dict[Split, str | None] = {"train": self.train, "dev": self.dev, "test": self.test}
        return {split: name for split, name in names.items() if name is not None}


class ComposeConfig(Config):
    """How objectives become tasks; see ``compose``. ``count = "all"`` goes with ``order = "consecutive"``.

    With ``shuffle`` consecutive groups are put in a seeded order before the first ``count`` are taken, as a loader of
    published training data does. ``repeat``: whether tasks that ask what an earlier one asks, as a small source makes
    them, are said or refused. ``overlap``: whether files of two splits may hold the same questions (``check_overlap``).
    ``delay``: how many questions later a ``delayed`` task asks for an answer again.
    """

    composition: Composition = Composition.PARALLEL
    objectives: int = Field(default=2, ge=1)
    count: Annotated[int, Field(ge=1)] | Literal["all"] = 100
    order: Order = "shuffled"
    reveal: Reveal | None = None
    delay: int = Field(default=1, ge=1)
    shuffle: bool = False
    repeat: Literal["say", "refuse"] = "say"
    overlap: Literal["refuse", "allow"] = "refuse"

    @model_validator(mode="after")
    def _meaningful(self) -> ComposeConfig:
        if self.count == "all" and self.order == "shuffled":
            raise ValueError("shuffled tasks never run out: give count a number")
        if self.order == "consecutive" and self.composition in (Composition.MIXED, Composition.CHAINED):
            raise ValueError(f"{self.composition.value} tasks have no consecutive order")
        return self

    def build(self, sources: Sequence[Source] | Sequence[Objective], *, split: Split, seed: int) -> list[Task]:
        """Compose the tasks. Raises ``DataError`` or ``ConfigError``."""
        tasks = self._composed(sources, split, seed)
        again = repetition(tasks)
        if again is not None and self.repeat == "refuse":
            raise DataError(
                f"{again}: split {split!r} has too few objectives for tasks of {self.objectives}",
                where="tasks.repeat",
                hint=f"ask for fewer than {len(tasks)} tasks, add data, or let them repeat: tasks.repeat = 'say'",
            )
        return tasks

    def _composed(self, sources: Sequence[Source] | Sequence[Objective], split: Split, seed: int) -> list[Task]:
        count = None if self.count == "all" else self.count
        regroup = self.shuffle and self.order == "consecutive"
        tasks = compose(
            sources,
            composition=self.composition,
            objectives=self.objectives,
            count=None if regroup else count,
            seed=seed,
            split=split,
            order=self.order,
            reveal=self.reveal,
            delay=self.delay,
        )
        if not regroup:
            return tasks
        if count is not None and count > len(tasks):
            raise DataError(
                f"split {split!r} has {len(tasks)} consecutive groups of {self.objectives} objectives, not {count}",
                hint="ask for fewer tasks or fewer objectives a task, or use order = 'shuffled'",
            )
        return sorted(tasks, key=lambda task: digest("tasks", seed, task.id))[:count]
