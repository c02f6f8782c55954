"""Run files made to harm: a small file that becomes a large one, nesting without end, values of every wrong kind."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mem1.config import Config
from mem1.errors import Mem1Error, StorageError
from mem1.evaluation.records import Evaluation
from mem1.report.build import build_report
from mem1.report.viewer.pages import Viewer
from mem1.storage.atomic import read_json
from mem1.storage.distillation import read_distillation, read_scripts
from mem1.storage.episode_index import index_path
from mem1.storage.episodes import EpisodeWriter, iter_episodes, list_episodes, not_intact, read_episodes
from mem1.storage.json_lines import LineWriter, read_lines, read_span
from mem1.storage.metrics import MetricsWriter, read_metrics
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import read_vocabularies
from tests.unit.storage.examples import episode

MIB = 1 << 20


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Lines of at most 1 MiB, so that the tests need no more."""
    monkeypatch.setenv("MEM1_MAX_LINE_MIB", "1")
    return MIB


def bomb(size: int) -> bytes:
    return gzip.compress(b" " * size + b"\n", 9, mtime=0)


# ------------------------------------------------------------ sizes


def test_a_line_that_inflates_beyond_the_limit_is_refused_with_its_place(tmp_path: Path, small: int) -> None:
    path = tmp_path / "a.jsonl.gz"
    first = gzip.compress(b"one\n", mtime=0)
    path.write_bytes(first + bomb(8 * MIB))
    lines = read_lines(path)
    assert next(lines).text == b"one"
    with pytest.raises(StorageError, match="is larger than 1 MiB") as caught:
        next(lines)
    assert caught.value.where == f"{path}, byte {len(first)}"
    assert "MEM1_MAX_LINE_MIB" in (caught.value.hint or "")
    with pytest.raises(StorageError, match="is larger than 1 MiB"):
        read_span(path, len(first), path.stat().st_size - len(first))


def test_a_line_up_to_the_limit_is_written_and_read_and_one_beyond_it_is_not(tmp_path: Path, small: int) -> None:
    for name in ("a.jsonl", "a.jsonl.gz"):
        with LineWriter(tmp_path / name) as writer:
            line = writer.write(b"x" * (small - 1))
            with pytest.raises(StorageError, match="is larger than 1 MiB"):
                writer.write(b"x" * small)
            writer.write(b"after")
        assert [one.text for one in read_lines(tmp_path / name)] == [line.text, b"after"]
        assert read_span(tmp_path / name, line.offset, line.length) == line.text + b"\n"


def test_a_file_without_a_line_end_is_not_read_whole(tmp_path: Path, small: int) -> None:
    with (tmp_path / "metrics.jsonl").open("wb") as file:
        file.truncate(1 << 40)  # sparse: no room on the disk
    with pytest.raises(StorageError, match="is larger than 1 MiB"):
        list(read_metrics(tmp_path / "metrics.jsonl"))


@pytest.mark.parametrize("name", ["config.json", "versions.json", "views.json", "checkpoint.json"])
def test_a_document_of_any_size_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StorageError, match=rf"{name} is larger than 128 MiB"):
        read_json(tmp_path / name)


def test_an_index_that_points_beyond_its_file_is_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with EpisodeWriter(path) as writer:
        writer.write(episode("e1"))
    whole = json.loads(index_path(path).read_bytes())
    for wrong in ({"length": 1 << 61}, {"offset": -5}, {"length": -1}, {"tokens": 10**30}, {"offset": 1 << 63}):
        index_path(path).write_bytes(json.dumps(whole | wrong).encode() + b"\n")
        assert [entry.id for entry in list_episodes(path)] == ["e1"], wrong


def test_a_vocabulary_that_inflates_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(bomb(65 * MIB))
    assert (tmp_path / "a.json.gz").stat().st_size < MIB
    with pytest.raises(StorageError, match="inflated, is larger than 64 MiB"):
        read_vocabularies(tmp_path)


def test_a_thousand_vocabularies_are_refused(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.json.gz").write_bytes(gzip.compress(b"[]"))
    with pytest.raises(StorageError, match="1000 vocabularies"):
        read_vocabularies(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        b'{"answers": [' + b",".join([b"1"] * 17_000_000) + b"]}",
        b"{" + b",".join(b'"%x":1' % n for n in range(600_000)) + b"}",
        b'{"turns": [' + b",".join([b"{}"] * 1_100_000) + b"]}",
    ],
    ids=["numbers", "names", "objects"],
)
def test_a_record_of_more_parts_than_any_of_ours_is_refused_before_it_is_parsed(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(text + b"\n")
    with pytest.raises(StorageError, match="numbers or 1,000,000 names"):
        list(read_episodes(path))


LOOK = """
import resource, sys
from pathlib import Path
from mem1.errors import Mem1Error
from mem1.report.viewer.pages import Viewer
from mem1.storage.run_dir import RunDir
run = RunDir.open(Path(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
page = Viewer(run).index({})
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, "larger than" in page)
"""


def test_the_viewer_needs_little_memory_for_half_a_megabyte_that_inflates_to_half_a_gigabyte(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    path = run.episodes("train", compressed=True)
    path.parent.mkdir()
    compressor = zlib.compressobj(9, wbits=31)
    with path.open("wb") as file:
        for _ in range(16):
            file.write(compressor.compress(bytes(32 * MIB)))
        file.write(compressor.flush())
    assert path.stat().st_size < MIB
    found = subprocess.run(
        [sys.executable, "-c", LOOK, str(run.path)], capture_output=True, text=True, check=True, timeout=300
    )
    mebibytes, told = found.stdout.split()
    assert told == "True"
    assert int(mebibytes) < 400


# ------------------------------------------------------------ kinds

DEEP = b"[" * 100_000
WRONG: dict[str, bytes] = {
    "deep": DEEP + b"]" * 100_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "open": DEEP,
    "UTF-16": '{"step": 1}'.encode("utf-16"),
    "Latin-1": '{"step": 1, "é": 2}'.encode("latin-1"),
    "NUL": b"\x00",
    "a number": b"3",
    "a list": b"[1, 2]",
    "text": b'"x"',
    "null": b"null",
    "half a pair": b'{"step": 1, "a": "\\ud83d"}',
    "NaN": b'{"step": NaN}',
    "a large number": b'{"step": ' + b"9" * 5000 + b"}",
    "1e999": b'{"step": 1, "seconds": 1e999}',
    "blank": b"",
}


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "episodes": ("a.jsonl", lambda path: list(read_episodes(path))),
    "compressed episodes": ("a.jsonl.gz", lambda path: list(iter_episodes(path))),
    "scripts": ("s.jsonl.gz", lambda path: list(read_scripts(path))),
    "distillation": ("distillation.json", read_distillation),
    "evaluation": ("evaluation/e.json", lambda path: RunDir(path.parents[1]).read_evaluation("e", Evaluation)),
    "configuration": ("config.json", lambda path: RunDir(path.parent).config(Config)),
    "versions": ("versions.json", lambda path: RunDir(path.parent).versions()),
    "clock": ("clock.json", lambda path: RunDir(path.parent).seconds()),
    "vocabulary": ("a.json.gz", lambda path: read_vocabularies(path.parent)),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", WRONG)
def test_a_file_with_anything_else_in_it_is_an_error_that_names_it(tmp_path: Path, reader: str, kind: str) -> None:
    name, read = READERS[reader]
    path, content = tmp_path / name, WRONG[kind]
    path.parent.mkdir(exist_ok=True)
    line_end = b"\n" if "jsonl" in name else b""
    path.write_bytes(gzip.compress(content + line_end) if name.endswith("gz") else content + line_end)
    with pytest.raises(Mem1Error) as caught:
        read(path)
    assert path.name in str(caught.value)


@pytest.mark.parametrize("wrong", [5, "x", [1], {"a": {"b": 1}}, [[1]], None, True, 1e300])
@pytest.mark.parametrize(
    "place", ["turns", "score", "metrics", "parts", "rewards", "em", "cells", "verdicts", "values"]
)
def test_a_record_that_only_looks_like_one_of_a_former_version_is_refused(
    tmp_path: Path, place: str, wrong: object
) -> None:
    score = {"em": [1], "f1": [1], "rewards": [1.0], "parts": [{"r_att": 1}]} | {place: wrong}
    old = {"schema_version": 1, "turns": [{"action": {"type": "search", "query": 3}}], "score": score}
    cell = {"metrics": {"score": {"mean": 1}}, "values": {"score": [1]}, "objectives": 2}
    old |= {"cells": [cell | {place: wrong}], "verdicts": [{"told_apart": wrong}], "comparisons": wrong, place: wrong}
    (tmp_path / "a.jsonl").write_text(json.dumps(old) + "\n")
    with pytest.raises(StorageError, match="this is no episode"):
        list(read_episodes(tmp_path / "a.jsonl"))
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "e.json").write_text(json.dumps(old))
    with pytest.raises(StorageError, match="this is no Evaluation"):
        RunDir(tmp_path).read_evaluation("e", Evaluation)


@pytest.mark.parametrize(
    "row",
    [
        {"step": 1, "loss": {"a": 1}},
        {"step": 1, "loss": [[1]]},
        {"step": 1, "loss": True},
        {"step": True},
        {"step": -1},
        {"step": 1 << 60},
        {"step": 1.5},
        {"step": "1"},
        {"step": 1, "loss": 10**400},
        {"loss": 1},
    ],
)
def test_metrics_that_no_figure_can_draw_are_refused_at_both_doors(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "metrics.jsonl"
    with MetricsWriter(path) as writer:
        writer.write(1, {"loss": 1.0})
        if "step" in row and row["step"] == 1 and not isinstance(row["step"], bool):
            with pytest.raises(StorageError, match="cannot be written"):
                writer.write(1, {key: value for key, value in row.items() if key != "step"})
    assert list(read_metrics(path)) == [{"step": 1, "loss": 1.0}]
    with path.open("ab") as file:
        file.write(json.dumps(row).encode() + b"\n")
    with pytest.raises(StorageError, match=r"line 2"):
        list(read_metrics(path))


def test_numbers_that_are_none_become_null_at_any_place_of_a_metric(tmp_path: Path) -> None:
    with MetricsWriter(tmp_path / "m.jsonl") as writer:
        writer.write(1, {"a": float("nan"), "b": [1.0, float("inf"), None], "c": "é"})
    assert list(read_metrics(tmp_path / "m.jsonl")) == [{"step": 1, "a": None, "b": [1.0, None, None], "c": "é"}]


def hostile_index(run: RunDir, **values: object) -> None:
    """An index that agrees with its episodes in place and length, and lies in the rest."""
    path = run.episodes("train")
    with EpisodeWriter(path) as writer:
        writer.write(episode("e1"))
    line = json.loads(index_path(path).read_bytes())
    index_path(path).write_text(json.dumps(line | values) + "\n")


@pytest.mark.parametrize(
    "values",
    [
        {"seconds": float("nan")},
        {"reward": float("inf")},
        {"peak": 10**40},
        {"turns": -3},
        {"id": "x" * 10_000},
        {"strategy": "<script>\x00\u202e"},
        {"error": "a\nb"},
    ],
)
def test_an_index_that_lies_makes_no_page_fail(tmp_path: Path, values: dict[str, object]) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    hostile_index(run, **values)
    viewer = Viewer(run)
    page = viewer.index({})
    assert "<script>\x00" not in page
    assert viewer.catalogue.size == 1
    build_report(run.path)


def test_an_evaluated_episode_whose_id_is_no_path_makes_no_report_fail(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    with EpisodeWriter(run.episodes("train")) as writer:
        writer.write(episode("no-slash"))
    assert not_intact(run.episodes("train"), {"no-slash": None, "other": None}) == {"other": "not in train.jsonl"}
    build_report(run.path)
