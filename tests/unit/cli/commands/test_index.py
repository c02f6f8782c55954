"""``mem1 index`` from a corpus and from a recipe, gone on with after a kill."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.config import load
from mem1.recipe import Recipe
from mem1.retrieval.bm25.disk_config import Bm25DiskConfig
from mem1.retrieval.store.build import PROGRESS


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "it's a corpus.jsonl"
    rows = [{"id": str(i), "contents": f'"T{i}"\nword{i} common'} for i in range(50)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def found(config: Bm25DiskConfig, query: str) -> list[str]:
    return [hit.passage.id for hit in asyncio.run(config.build().search([query], 3))[0]]


def test_a_corpus_is_indexed(corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "index"
    assert main(["index", str(corpus), "--out", str(folder), "--set", "k1=1.2", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["bm25_disk"]
    assert shown["folder"] == str(folder)
    assert shown["megabytes"] == pytest.approx(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6)
    assert found(Bm25DiskConfig(corpus=corpus, index=folder, k1=1.2), "word7") == ["7"]


def test_a_recipe_is_indexed(corpus: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    table = {"type": "bm25_disk", "corpus": str(corpus), "index": str(tmp_path / "i")}
    recipe.write_text("[retriever]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()))
    assert main(["index", str(recipe), "--retriever.b", "0.5"]) == 0
    retriever = load(Recipe, recipe, ["retriever.b=0.5"]).retriever
    assert isinstance(retriever, Bm25DiskConfig)
    assert found(retriever, "word49") == ["49"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["index", "CORPUS"], "where to?"),
        (["index", "CORPUS", "--out", "x", "--type", "bm25"], "index: no such key"),
        (["index", "CORPUS", "--out", "x", "--type", "tantivy"], "no such 'type': 'tantivy'"),
        (["index", "CORPUS", "--out", "x", "--set", "k=1"], "retriever.k: no such key (did you mean"),
        (["index", "RECIPE"], "'bm25' without an index on disk has nothing to build"),
        (["index", "RECIPE", "--out", "x"], "a recipe names its index itself"),
    ],
)
def test_mistakes_are_named(
    corpus: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text("")
    names = {"CORPUS": str(corpus), "RECIPE": str(recipe)}
    assert main([names.get(word, word) for word in words]) == 2
    assert message in capsys.readouterr().err


KILL = """
import os, signal, sys
from pathlib import Path
from mem1.runtime import indexing
retriever = indexing.of_corpus(Path(sys.argv[1]), Path(sys.argv[2]), "bm25_disk", [])
indexing.make(retriever, resume=False, report=lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_build_that_was_killed_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A real kill, which nothing in the process can answer, in the middle of reading the corpus."""
    corpus, folder = tmp_path / "c.jsonl", tmp_path / "index"
    with corpus.open("w") as file:
        for i in range(40_000):
            file.write(f'{{"id": "{i}", "contents": "T{i}"}}\n')
    killed = subprocess.run([sys.executable, "-c", KILL, str(corpus), str(folder)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert json.loads((folder / PROGRESS).read_text())["rows"] == 32_768
    assert main(["index", str(corpus), "--out", str(folder)]) == 6
    assert "--resume" in capsys.readouterr().err
    assert main(["index", str(corpus), "--out", str(folder), "--resume"]) == 0
    assert found(Bm25DiskConfig(corpus=corpus, index=folder), "T39999") == ["39999"]
