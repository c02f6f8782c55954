"""What ``mem1 index`` does: find the retriever that a recipe or a command line describes, write its indexes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mem1.config import Config, load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.retrieval.config import RetrieverConfig
from mem1.retrieval.progress import Report
from mem1.storage.guards.lock import locked


class _Corpus(Config):
    """What the command line says of an index where there is no recipe."""

    retriever: RetrieverConfig


def of_recipe(path: Path, overrides: Iterable[str]) -> RetrieverConfig:
    """The retriever of a recipe. Raises ``ConfigError``."""
    return load(Recipe, path, overrides).retriever


def of_corpus(corpus: Path, folder: Path | None, kind: str, overrides: Iterable[str]) -> RetrieverConfig:
    """A retriever over ``corpus`` with its index in ``folder``; ``overrides`` name its keys, ``k1=1.2``."""
    if folder is None:
        raise ConfigError("where to?", where="--out", hint="name the folder of the index: --out DIR")
    keys = (*overrides, f"type={kind}", f"corpus={json.dumps(str(corpus))}", f"index={json.dumps(str(folder))}")
    return load(_Corpus, None, [f"retriever.{key.removeprefix('retriever.')}" for key in keys]).retriever


def make(retriever: RetrieverConfig, *, resume: bool, report: Report) -> dict[str, Any]:
    """Write all indexes of ``retriever``; returns folders, sizes and seconds.

    Raises ``ConfigError`` where it has none on disk.
    """
    parts = retriever.on_disk
    if not parts:
        raise ConfigError(
            f"a retriever of type {retriever.type!r} without an index on disk has nothing to build",
            where="retriever",
            hint='use type = "bm25_disk", or "dense" with corpus and index',
        )
    summary: dict[str, Any] = {}
    for part in parts:
        began = time.perf_counter()
        assert part.folder is not None
        with locked(part.folder):
            part.make(resume=resume, report=report)
        summary[part.type] = {
            "folder": str(part.folder),
            "megabytes": sum(file.stat().st_size for file in part.folder.rglob("*") if file.is_file()) / 1e6,
            "seconds": time.perf_counter() - began,
        }
    return summary
