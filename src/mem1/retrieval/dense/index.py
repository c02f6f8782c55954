"""Dense indexes on disk: vectors written as they are made, then a FAISS index over them."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mem1.errors import ConfigError, DataError, StorageError, boundary
from mem1.retrieval.base import Passage
from mem1.retrieval.progress import Report, quiet
from mem1.retrieval.store.store import CorpusStore
from mem1.storage.atomic import storage_errors, write_json
from mem1.storage.written import read_record
from mem1.types import Record

try:
    import faiss
except ModuleNotFoundError as missing:
    raise ConfigError(
        "dense retrieval needs the package 'faiss'", where="retriever.type", hint="pip install 'mem1-rl[dense]'"
    ) from missing

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[Passage]], Vectors]
Kind = Literal["flat", "hnsw", "ivf"]
Compression = Literal["none", "float16", "int8"]

DENSE = "dense.json"
VECTORS = "vectors.faiss"
_CHUNK = 256  # passages between two points from which a build can go on
_BLOCK = 1 << 16  # vectors handed to FAISS at a time
_PER_LIST = 64  # vectors that an inverted list is trained on
_SUFFIX: dict[Compression, str] = {"none": "Flat", "float16": "SQfp16", "int8": "SQ8"}


class Plan(Record):
    """What the vectors are made with, and the index over them. Another ``made_with`` needs other vectors."""

    made_with: dict[str, str]
    kind: Kind = "flat"
    compression: Compression = "none"
    neighbours: int = 32
    lists: int | None = None

    @property
    def file(self) -> str:
        """The name of the index's file; an exact index over whole vectors is the file of the vectors."""
        plain = self.kind == "flat" and self.compression == "none"
        return VECTORS if plain else f"{self.kind}-{self.compression}.faiss"

    def factory(self, rows: int) -> str:
        """The index as FAISS's ``index_factory`` spells it."""
        suffix = _SUFFIX[self.compression]
        match self.kind:
            case "flat":
                return suffix
            case "hnsw":
                return f"HNSW{self.neighbours},{suffix}"
            case "ivf":
                return f"IVF{self.lists or default_lists(rows)},{suffix}"


class DenseInfo(Record):
    """What ``dense.json`` keeps: how the vectors were made, and of which corpus."""

    schema_version: Literal[1] = 1
    made_with: dict[str, str]
    dimension: int
    rows: int
    corpus_crc: int


def default_lists(rows: int) -> int:
    """FAISS's advice, 4 sqrt(n), and no more than can be trained."""
    return max(1, min(round(4 * math.sqrt(rows)), rows // _PER_LIST))


def build_dense(
    store: CorpusStore,
    folder: Path,
    plan: Plan,
    encode: Encode,
    dimension: int,
    *,
    resume: bool = False,
    report: Report = quiet,
) -> Path:
    """Encode every passage of ``store`` and index the vectors; returns the index's file, made if it is not there.

    ``encode`` gives float32 rows of ``dimension``. A cut-off build goes on after the last chunk of passages. Vectors
    that are there and were made in the same way are used again, so another kind of index costs no encoding.
    """
    info = DenseInfo(made_with=plan.made_with, dimension=dimension, rows=len(store), corpus_crc=store.info.source.crc)
    with storage_errors("write the dense index", folder):
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / DENSE).is_file():
            check_made(folder, plan.made_with, store, dimension)
        else:
            _write_vectors(store, folder, info, encode, resume=resume, report=report)
            write_json(folder / DENSE, info.model_dump(mode="json"))
        target = folder / plan.file
        if not target.is_file():
            _write_index(folder, info, plan, report)
    return target


def check_made(folder: Path, made_with: Mapping[str, str], store: CorpusStore, dimension: int | None = None) -> None:
    """Raise ``DataError`` where the vectors in ``folder`` are not there, or not those wanted."""
    if not (folder / DENSE).is_file():
        raise DataError("there are no vectors", where=str(folder), hint="make them: mem1 index")
    found = read_record(DenseInfo, folder / DENSE, hint="delete the folder and make them anew: mem1 index")
    wanted = {**made_with, "rows": len(store), "corpus": store.info.source.crc}
    known: dict[str, Any] = {**found.made_with, "rows": found.rows, "corpus": found.corpus_crc}
    if dimension is not None:
        wanted["dimension"], known["dimension"] = dimension, found.dimension
    for name, value in wanted.items():
        if known.get(name) != value:
            raise DataError(
                f"the vectors were made with another {name}: {known.get(name)!r}, not {value!r}",
                where=str(folder),
                hint="use what they were made with, or delete the folder and make them anew: mem1 index",
            )


def open_index(path: Path, *, rows: int, ef_search: int, probes: int) -> Any:
    """A FAISS index, mapped into memory where its kind allows it. Row ``i`` is row ``i`` of the corpus.

    Raises ``DataError`` where it is missing, no index of inner products, or of another number of rows.
    """
    if not path.is_file():
        raise DataError("there is no dense index", where=str(path), hint="build it: mem1 index")
    with boundary("cannot read the dense index", DataError, hint=f"build {path} anew"):
        index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    if index.ntotal != rows:
        raise DataError(
            f"the dense index holds {index.ntotal:,} vectors, the corpus {rows:,} passages",
            where=str(path),
            hint="use the corpus that the index was made from: row i is line i",
        )
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise DataError("the dense index is not one of inner products", where=str(path), hint="build it with them")
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = ef_search
    if isinstance(index, faiss.IndexIVF):
        index.nprobe = probes
    return index


def flat_index(vectors: Vectors) -> Any:
    """An exact index in memory."""
    index: Any = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def _write_vectors(
    store: CorpusStore, folder: Path, info: DenseInfo, encode: Encode, *, resume: bool, report: Report
) -> None:
    """The vectors as an exact FAISS index, written row after row: its file is a header and the numbers."""
    path, header = folder / VECTORS, flat_header(info.rows, info.dimension)
    width = 4 * info.dimension
    done = 0
    if path.is_file():
        if not resume:
            raise StorageError(
                "a build was begun here and cut off",
                where=str(path),
                hint="go on with it: --resume; or delete the file",
            )
        begun = read_record(DenseInfo, folder / f"{DENSE}.begun", hint=f"delete {folder} and begin anew")
        if begun != info:
            raise DataError(
                "the build that was begun here is another", where=str(folder), hint=f"delete {folder} and begin anew"
            )
        done = max(0, path.stat().st_size - len(header)) // width
    write_json(folder / f"{DENSE}.begun", info.model_dump(mode="json"))
    with path.open("r+b" if done else "wb") as file:
        file.write(header)
        file.seek(len(header) + done * width)
        file.truncate()
        for chunk in _chunks(store, done):
            vectors = np.ascontiguousarray(encode(chunk), dtype="<f4")
            if vectors.shape != (len(chunk), info.dimension) or not np.isfinite(vectors).all():
                raise DataError(
                    f"the encoder gave {vectors.shape} or numbers that are not finite for {len(chunk)} passages",
                    where=f"row {done}",
                    hint="use another encoder, or float32",
                )
            file.write(vectors.tobytes())
            file.flush()
            os.fsync(file.fileno())
            done += len(chunk)
            report("encoding passages", done, info.rows)
    (folder / f"{DENSE}.begun").unlink()


def _chunks(store: CorpusStore, done: int) -> Iterator[list[Passage]]:
    passages = store.stream(done)
    while chunk := list(islice(passages, _CHUNK)):
        yield chunk


def flat_header(rows: int, dimension: int) -> bytes:
    """What FAISS writes in front of the numbers of an ``IndexFlatIP`` of ``rows`` vectors."""
    return struct.pack("<4siqqqBiQ", b"IxFI", dimension, rows, 1 << 20, 1 << 20, 1, 0, rows * dimension)


def _write_index(folder: Path, info: DenseInfo, plan: Plan, report: Report) -> None:
    vectors: Vectors = np.memmap(
        folder / VECTORS,
        dtype="<f4",
        mode="r",
        offset=len(flat_header(0, 0)),
        shape=(info.rows, info.dimension),
    )
    what = f"building the {plan.kind} index"
    with boundary(what, DataError, hint="choose another retriever.kind"):
        index: Any = faiss.index_factory(info.dimension, plan.factory(info.rows), faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            report(what, 0, info.rows)
            few = min(info.rows, max(10_000, _PER_LIST * (plan.lists or default_lists(info.rows))))
            rows = np.sort(np.random.default_rng(0).choice(info.rows, few, replace=False))
            index.train(np.ascontiguousarray(vectors[rows]))
        for start in range(0, info.rows, _BLOCK):
            index.add(np.ascontiguousarray(vectors[start : start + _BLOCK]))
            report(what, min(start + _BLOCK, info.rows), info.rows)
        partial = folder / f"{plan.file}.partial"
        faiss.write_index(index, str(partial))
    partial.replace(folder / plan.file)
