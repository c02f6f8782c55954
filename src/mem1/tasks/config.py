"""Which tasks a run works on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.tasks.base import Source, Split
from mem1.tasks.compose import Order, Reveal, compose
from mem1.tasks.factbook import factbook_world
from mem1.tasks.qa_files import QaFiles
from mem1.tasks.webshop import WebshopConfig
from mem1.tasks.world import World
from mem1.types import Composition, Objective, Task


class FactbookConfig(Config):
    """The embedded world: questions and passages from the World Factbook, split by country."""

    type: Literal["factbook"] = "factbook"

    def build(self) -> World:
        """The source, which is a corpus and a chain source too. Raises ``DataError``."""
        return factbook_world()


class QaFilesConfig(Config):
    """One dataset of question files in the FlashRAG format, a file for each split there is."""

    type: Literal["qa_files"] = "qa_files"
    name: str = Field(min_length=1)
    train: Path | None = None
    dev: Path | None = None
    test: Path | None = None

    @model_validator(mode="after")
    def _has_a_file(self) -> QaFilesConfig:
        if not self._files():
            raise ValueError("name a file for at least one of train, dev and test")
        return self

    def build(self) -> QaFiles:
        """The source; its files are read when first needed."""
        return QaFiles(self.name, self._files())

    def _files(self) -> dict[Split, Path]:
        paths: dict[Split, Path | None] = {"train": self.train, "dev": self.dev, "test": self.test}
        return {split: path for split, path in paths.items() if path is not None}


SourceConfig = Annotated[FactbookConfig | QaFilesConfig | WebshopConfig, Field(discriminator="type")]


class ComposeConfig(Config):
    """How objectives become tasks; see ``compose``. ``count = "all"`` goes with ``order = "consecutive"``."""

    composition: Composition = Composition.PARALLEL
    objectives: int = Field(default=2, ge=1)
    count: Annotated[int, Field(ge=1)] | Literal["all"] = 100
    order: Order = "shuffled"
    reveal: Reveal | None = None

    @model_validator(mode="after")
    def _meaningful(self) -> ComposeConfig:
        if self.count == "all" and self.order == "shuffled":
            raise ValueError("shuffled tasks never run out: give count a number")
        if self.order == "consecutive" and self.composition in (Composition.MIXED, Composition.CHAINED):
            raise ValueError(f"{self.composition.value} tasks have no consecutive order")
        return self

    def build(self, sources: Sequence[Source] | Sequence[Objective], *, split: Split, seed: int) -> list[Task]:
        """Compose the tasks. Raises ``DataError`` or ``ConfigError``."""
        return compose(
            sources,
            composition=self.composition,
            objectives=self.objectives,
            count=None if self.count == "all" else self.count,
            seed=seed,
            split=split,
            order=self.order,
            reveal=self.reveal,
        )
