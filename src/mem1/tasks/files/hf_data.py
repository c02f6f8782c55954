"""Questions from Hugging Face ``datasets``: by name on the hub, or from a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, time
from functools import partial
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError, boundary
from mem1.storage.rows import Row
from mem1.tasks.base import Split
from mem1.tasks.files.answers import listed
from mem1.tasks.files.qa_files import QaSource
from mem1.tasks.files.qa_rows import FLASHRAG, Columns, QaRows, read_qa


class HfData(QaSource):
    """One dataset; ``splits`` says what it calls ours (``{"test": "validation"}``).

    ``path`` is a name on the hub (``RUC-NLPIR/FlashRAG_datasets``, with ``config`` ``nq``), a folder that
    ``save_to_disk`` wrote, or a folder of data files. The rows of a split are read when it is first asked for.
    """

    def __init__(
        self,
        name: str,
        path: str,
        splits: Mapping[Split, str],
        *,
        config: str | None = None,
        revision: str | None = None,
        columns: Columns = FLASHRAG,
    ) -> None:
        def rows(theirs: str) -> Iterator[Row]:
            where = f"{path}{f'/{config}' if config else ''}, split {theirs!r}"
            hint = f"rows need {columns.question!r} (text) and {columns.answers!r} (a list of texts): name the columns"
            with boundary(f"cannot read the dataset {path!r}", DataError, hint=hint):
                for number, values in enumerate(_used(_load(path, config, theirs, revision), columns)):
                    row = Row(_plain(values), f"{where}, row {number}", hint)
                    bare = row.values.get(columns.answers)
                    if isinstance(bare, str):  # datasets with one answer keep it bare, or the list as a text
                        row = row._replace(values={**row.values, columns.answers: listed(bare) or (bare,)})
                    yield row

        def read(theirs: str) -> QaRows:
            return read_qa(rows(theirs), name, columns)

        super().__init__(name, {ours: partial(read, theirs) for ours, theirs in splits.items()})


def _used(dataset: Any, columns: Columns) -> Any:
    """The columns that are read, as plain Python values whatever format the dataset was saved with."""
    wanted = (columns.id, columns.question, columns.answers, "answers", "answer", "metadata")
    return dataset.with_format(None).select_columns([name for name in dataset.column_names if name in wanted])


def _plain(value: Any) -> Any:
    """Dates as texts, which is what JSON has for them."""
    match value:
        case dict():
            return {key: _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
        case date() | time():
            return value.isoformat()
        case _:
            return value


def _load(path: str, config: str | None, split: str, revision: str | None) -> Any:
    try:
        import datasets
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "datasets by name need the package 'datasets'", where="source.type", hint="pip install 'mem1-rl[data]'"
        ) from missing
    folder = Path(path)
    hint = (
        "correct source.path, source.config and the names of the splits; a name on the hub needs a network: without "
        "one give a folder, saved elsewhere with save_to_disk, or with the data files"
    )
    datasets.disable_progress_bars()
    with boundary(f"cannot load the dataset {path!r}", DataError, hint=hint):
        if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
            found = datasets.load_from_disk(path)
            if isinstance(found, datasets.DatasetDict):
                if split not in found:
                    raise DataError(f"no split {split!r}; there are {', '.join(found)}", where=path, hint=hint)
                return found[split]
            return found
        return datasets.load_dataset(path, config, split=split, revision=revision)
