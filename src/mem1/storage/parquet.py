"""Rows of Parquet files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError, boundary
from mem1.storage.rows import Row

_BATCH = 1024


def parquet_rows(path: Path, what: str, hint: str) -> Iterator[Row]:
    """All rows in their order, as Python values; ``where`` names the file and the row, counted from 0.

    Raises ``DataError`` for a file that is missing or cannot be read, ``ConfigError`` without pyarrow.
    """
    _, parquet = arrow()
    if not path.is_file():
        raise DataError(f"{what} is missing: {path}", hint="check the path")
    with boundary("cannot read the Parquet file", DataError, hint=f"write {path} again"):
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(_BATCH):
            for values in batch.to_pylist():
                yield Row(values, f"{path}, row {number}", hint)
                number += 1


def arrow() -> tuple[Any, Any]:
    """The libraries pyarrow and pyarrow.parquet. Raises ``ConfigError`` where they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "Parquet files need the package 'pyarrow'", where="source.type", hint="pip install 'mem1-rl[data]'"
        ) from missing
    return pyarrow, pyarrow.parquet
